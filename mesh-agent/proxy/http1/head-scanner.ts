/**
 * Heads of HTTP/1.1 messages (RFC 9112 sections 2 to 4) from bytes. One pass; the strings of a head are cut from one.
 * Stricter than the RFC asks: whatever is accepted here means the same to every parser behind it.
 */
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import type { RequestHead, ResponseHead } from "../engine.ts";
import { COLON, CR, HEX, HOST, LF, PATH, QUERY, QUESTION, SPACE, TOKEN, VALUE, ZERO } from "./byte-class.ts";
import { FieldScan, INCOMPLETE, MessageFault, REFUSED } from "./field-scanner.ts";

/** The methods that Node's own parser knows, so that no application behind it is surprised. */
const METHODS = new Set(
  (
    "ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY " +
    "OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK " +
    "UNLOCK UNSUBSCRIBE"
  ).split(" "),
);
const METHOD_BYTES_MAX = 32;

export function isKnownMethod(method: string): boolean {
  return METHODS.has(method);
}

/** The forms of RFC 9112 section 3.2. */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

export interface RequestScan {
  readonly head: RequestHead;
  readonly form: TargetForm;
  /** Position behind the head. */
  readonly next: number;
  readonly chunked: boolean;
  /** HTTP/1.0, or the peer will send no further request. */
  readonly close: boolean;
  readonly http10: boolean;
  readonly expectContinue: boolean;
}

export interface ResponseScan {
  readonly head: ResponseHead;
  readonly next: number;
  /** How the body ends: at its length, at the last chunk, or with the connection (RFC 9112 section 6.3). */
  readonly framing: "none" | "length" | "chunked" | "close";
  readonly close: boolean;
  /** Seconds that the peer says it keeps the connection idle, or -1. */
  readonly keepAliveTimeoutS: number;
  /** `Upgrade` in lower case, where `Connection` names it. */
  readonly upgrade: string | undefined;
}

const fields = new FieldScan();

/**
 * @param bytes holds the head from `start` on; what is behind `end` is not looked at
 * @returns undefined: more bytes are needed
 */
export function scanRequestHead(bytes: Buffer, start: number, end: number): RequestScan | MessageFault | undefined {
  const limit = Math.min(end, start + limits.http.headBytesMax);
  if (bytes[start] === CR && limit - start === 1) return undefined;
  let p = skipEmptyLine(bytes, start, limit);
  const methodFrom = p;
  while (p < limit && TOKEN[bytes[p] as number] === 1) p++;
  if (p - methodFrom > METHOD_BYTES_MAX) return new MessageFault("bad_request", "the method is too long");
  if (p === limit) return undefined;
  if (p === methodFrom || bytes[p] !== SPACE)
    return new MessageFault("bad_request", "the request line does not start with a method and one space");
  const methodTo = p++;
  const targetFrom = p;
  while (p < limit && PATH[bytes[p] as number] === 1 && bytes[p] !== QUESTION) p++;
  if (p < limit && bytes[p] === QUESTION) while (p < limit && QUERY[bytes[p] as number] === 1) p++;
  if (p - targetFrom > limits.http.targetBytesMax)
    return new MessageFault("uri_too_long", `the target is longer than ${limits.http.targetBytesMax} bytes`);
  if (p === limit) return tooLong(start, end);
  if (p === targetFrom || bytes[p] !== SPACE)
    return new MessageFault("bad_request", "the target is missing or holds a character that no URI has");
  const targetTo = p++;
  const minor = scanVersion(bytes, p, limit);
  if (minor instanceof MessageFault) return minor;
  if (minor === undefined) return tooLong(start, end);
  p += 8;
  if (p >= limit) return undefined;
  if (bytes[p] !== CR) return new MessageFault("bad_request", "the request line does not end in CRLF");
  if (p + 1 >= limit) return undefined;
  if (bytes[p + 1] !== LF) return new MessageFault("bad_request", "a bare CR ends the request line");
  if (minor < 0) return new MessageFault("version_not_supported", "the version is not HTTP/1.0 or HTTP/1.1");
  const next = fields.scan(bytes, p + 2, limit);
  if (next === INCOMPLETE) return tooLong(start, end);
  if (next === REFUSED) return fields.fault;
  const text = bytes.toString("latin1", methodFrom, next);
  const method = text.substring(0, methodTo - methodFrom);
  const target = text.substring(targetFrom - methodFrom, targetTo - methodFrom);
  const fault = checkRequest(bytes, method, minor);
  if (fault !== undefined) return fault;
  const form = targetForm(method, target);
  if (form === undefined)
    return new MessageFault("bad_request", "the target has none of the forms that the method can have");
  const list = FieldList.owning(fields.toRaw(text, methodFrom));
  const chunked = fields.chunked;
  const bodyLength = chunked ? "stream" : Math.max(fields.contentLength, 0);
  const head: RequestHead = { method, target, fields: list, bodyLength };
  const { upgrade } = fields;
  return {
    // With a body both sides would have to agree where the new protocol begins; the offer may be passed over (RFC 9110 section 7.8).
    head: upgrade === undefined || minor === 0 || bodyLength !== 0 ? head : { ...head, upgrade },
    form,
    next,
    chunked,
    close: minor === 0 || fields.close,
    http10: minor === 0,
    expectContinue: minor === 1 && fields.expect !== undefined && bodyLength !== 0,
  };
}

/** RFC 9112 section 2.2: one empty line before a request is skipped. */
function skipEmptyLine(bytes: Buffer, start: number, end: number): number {
  return end - start >= 2 && bytes[start] === CR && bytes[start + 1] === LF ? start + 2 : start;
}

function tooLong(start: number, end: number): MessageFault | undefined {
  if (end - start < limits.http.headBytesMax) return undefined;
  return new MessageFault("header_too_large", `the head is longer than ${limits.http.headBytesMax} bytes`);
}

const VERSION = [0x48, 0x54, 0x54, 0x50, 0x2f];

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

/** @returns the minor version of HTTP/1.x, -1 for another version in the right form, undefined when bytes are missing */
function scanVersion(bytes: Buffer, at: number, end: number): number | MessageFault | undefined {
  for (let i = 0; i < 8; i++) {
    if (at + i >= end) return undefined;
    const byte = bytes[at + i] as number;
    const fits = i < 5 ? byte === VERSION[i] : i === 6 ? byte === 0x2e : isDigit(byte);
    if (!fits) return new MessageFault("bad_request", "the version is malformed");
  }
  const minor = (bytes[at + 7] as number) - ZERO;
  return bytes[at + 5] === 0x31 && minor <= 1 ? minor : -1;
}

function checkRequest(bytes: Buffer, method: string, minor: number): MessageFault | undefined {
  if (!isKnownMethod(method)) return new MessageFault("not_implemented", "the method is unknown");
  if (fields.hosts > 1) return new MessageFault("bad_request", "more than one Host");
  if (fields.hosts === 0 && minor === 1) return new MessageFault("bad_request", "no Host");
  if (fields.hosts === 1 && !isAuthority(bytes, fields.hostFrom, fields.hostTo))
    return new MessageFault("bad_request", "Host is not a host name with an optional port");
  if (fields.chunked && minor === 0)
    return new MessageFault("ambiguous_framing", "Transfer-Encoding in an HTTP/1.0 message");
  if (minor === 1 && fields.expect !== undefined && fields.expect !== "100-continue")
    return new MessageFault("expectation_failed", "Expect is not 100-continue");
  return undefined;
}

/** `host[:port]` (RFC 9110 section 7.2): a name or IPv4 address, or an IPv6 address in brackets. */
function isAuthority(bytes: Buffer, from: number, to: number): boolean {
  let p = from;
  if (bytes[p] === 0x5b) {
    p++;
    while (p < to && ((HEX[bytes[p] as number] as number) >= 0 || bytes[p] === COLON || bytes[p] === 0x2e)) p++;
    if (p === to || p === from + 1 || bytes[p] !== 0x5d) return false;
    p++;
  } else {
    while (p < to && HOST[bytes[p] as number] === 1) p++;
    if (p === from) return false;
  }
  if (p === to) return true;
  if (bytes[p] !== COLON || to - p > 6 || to - p < 2) return false;
  for (p++; p < to; p++) if (!isDigit(bytes[p] as number)) return false;
  return true;
}

/**
 * @param method of the request that is answered: an answer to HEAD has no body whatever its fields say
 * @returns undefined: more bytes are needed
 */
export function scanResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  method: string,
): ResponseScan | MessageFault | undefined {
  const limit = Math.min(end, start + limits.http.headBytesMax);
  const minor = scanVersion(bytes, start, limit);
  if (minor instanceof MessageFault) return minor;
  if (minor === undefined) return undefined;
  if (minor < 0) return new MessageFault("upstream_invalid", "the version is not HTTP/1.0 or HTTP/1.1");
  let p = start + 8;
  if (limit - p < 5) return undefined;
  const status = scanStatus(bytes, p);
  if (status === undefined) return new MessageFault("upstream_invalid", "the status is malformed");
  p += 4;
  if (bytes[p] === SPACE) while (p < limit && VALUE[bytes[p] as number] === 1) p++;
  if (p + 1 >= limit) return tooLong(start, end);
  if (bytes[p] !== CR || bytes[p + 1] !== LF)
    return new MessageFault("upstream_invalid", "the status line does not end in CRLF");
  p += 2;
  const next = fields.scan(bytes, p, limit);
  if (next === INCOMPLETE) return tooLong(start, end);
  if (next === REFUSED) return fields.fault;
  const list = FieldList.owning(fields.toRaw(bytes.toString("latin1", p, next), p));
  return responseScan(status, minor, list, next, method);
}

function scanStatus(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] !== SPACE) return undefined;
  let status = 0;
  for (let p = at + 1; p < at + 4; p++) {
    if (!isDigit(bytes[p] as number)) return undefined;
    status = status * 10 + ((bytes[p] as number) - ZERO);
  }
  return status >= 100 && status <= 599 ? status : undefined;
}

function responseScan(
  status: number,
  minor: number,
  list: FieldList,
  next: number,
  method: string,
): ResponseScan | MessageFault {
  const { contentLength, chunked } = fields;
  const never = status < 200 || status === 204;
  if (chunked && (minor === 0 || never))
    return new MessageFault("upstream_invalid", `Transfer-Encoding in an answer that cannot have one (${status})`);
  if (status < 200 && (minor === 0 || fields.close || contentLength >= 0))
    return new MessageFault(
      "upstream_invalid",
      `an interim answer (${status}) over HTTP/1.0, with a length, or with close`,
    );
  const empty = never || status === 304 || method === "HEAD";
  const untilClose = !empty && !chunked && contentLength < 0;
  const unknown = !never && status !== 304 && contentLength < 0;
  return {
    head: { status, fields: list, bodyLength: unknown ? "stream" : never ? 0 : Math.max(contentLength, 0) },
    next,
    framing: empty ? "none" : chunked ? "chunked" : untilClose ? "close" : "length",
    close: fields.close || minor === 0 || untilClose || (never && contentLength > 0),
    keepAliveTimeoutS: fields.keepAliveTimeoutS,
    upgrade: fields.upgrade,
  };
}

function targetForm(method: string, target: string): TargetForm | undefined {
  if (method === "CONNECT") return /:\d+$/.test(target) && isAuthorityText(target) ? "authority" : undefined;
  if (target.charCodeAt(0) === 0x2f) return "origin";
  if (target === "*") return method === "OPTIONS" ? "asterisk" : undefined;
  const authority = /^http:\/\/([^/?]+)(?:[/?]|$)/i.exec(target)?.[1];
  return authority !== undefined && isAuthorityText(authority) ? "absolute" : undefined;
}

/** As `isAuthority`, of text with one character a byte. */
export function isAuthorityText(text: string): boolean {
  return isAuthority(Buffer.from(text, "latin1"), 0, text.length);
}
