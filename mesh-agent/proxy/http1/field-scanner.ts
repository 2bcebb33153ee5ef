/**
 * Field lines (RFC 9112 section 5) as bytes: header sections and trailer sections. Strict: CRLF line ends, no folding,
 * no space before the colon, no control characters. What is not exactly right is refused, never repaired.
 */
import type { ErrorCode } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { COLON, CR, LF, NINE, SPACE, TAB, TOKEN, VALUE, ZERO } from "./byte-class.ts";

/** Why a message is refused. */
export class MessageFault {
  readonly code: ErrorCode;
  /** For operators. */
  readonly reason: string;
  constructor(code: ErrorCode, reason: string) {
    this.code = code;
    this.reason = reason;
  }
}

/** The scan ran out of bytes before the section ended. */
export const INCOMPLETE = 0;
/** The section is refused; see `FieldScan.fault`. */
export const REFUSED = -1;

/** Fields that this hop uses up (kind above 0 is handed no further). */
const KIND_PLAIN = 0;
const KIND_HOP = 1;
const KIND_TE = 2;

/** Fields that a `Connection` option must not remove and a trailer must not add: routing, framing, credentials, policy. */
const CRITICAL = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "content-type",
  "content-encoding",
  "content-range",
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "expect",
  "cache-control",
  "max-forwards",
  "traceparent",
  "txn-token",
  "forwarded",
]);

/** @param name in lower case */
export function isCritical(name: string): boolean {
  return CRITICAL.has(name) || name.startsWith("selvage-") || name.startsWith("x-forwarded-");
}

/** Options of `Connection` that name no field, or one that is used up anyway. */
const PLAIN_OPTIONS = new Set([
  "close",
  "keep-alive",
  "te",
  "upgrade",
  "http2-settings",
  "proxy-connection",
  "trailer",
]);

function matches(bytes: Buffer, from: number, lowerName: string): boolean {
  for (let i = 0; i < lowerName.length; i++)
    if (((bytes[from + i] as number) | 0x20) !== lowerName.charCodeAt(i)) return false;
  return true;
}

/**
 * Scans one section and keeps what framing and the connection need. One instance serves all connections: a scan is over
 * before the next begins, and nothing of it is kept between them.
 */
export class FieldScan {
  fault: MessageFault | undefined;
  /** Value of `Content-Length`, or -1. */
  contentLength = -1;
  /** `Transfer-Encoding: chunked`. */
  chunked = false;
  hosts = 0;
  hostFrom = 0;
  hostTo = 0;
  close = false;
  keepAlive = false;
  /** Value of `Upgrade` in lower case, if `Connection` names it too. */
  upgrade: string | undefined;
  /** Value of `Expect` in lower case. */
  expect: string | undefined;
  /** Seconds of `Keep-Alive: timeout=`, or -1. */
  keepAliveTimeoutS = -1;

  /** Name from, name to, value from, value to of each line. */
  readonly #marks = new Int32Array(limits.http.headFieldsMax * 4);
  readonly #kinds = new Uint8Array(limits.http.headFieldsMax);
  #count = 0;
  #upgradeValue: string | undefined;
  #upgradeOption = false;
  #nominated: Set<string> | undefined;

  /** Whether the section holds a field that frames a message or speaks to the connection. */
  get touchesFraming(): boolean {
    return this.contentLength >= 0 || this.chunked || this.#kinds.subarray(0, this.#count).includes(KIND_HOP);
  }

  #reset(): void {
    this.fault = undefined;
    this.contentLength = -1;
    this.chunked = false;
    this.hosts = 0;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = undefined;
    this.expect = undefined;
    this.keepAliveTimeoutS = -1;
    this.#count = 0;
    this.#upgradeValue = undefined;
    this.#upgradeOption = false;
    this.#nominated = undefined;
  }

  #refuse(code: ErrorCode, reason: string): number {
    this.fault = new MessageFault(code, reason);
    return REFUSED;
  }

  /**
   * Scans `bytes` from `at` (start of a field line) to `end`.
   * @returns the position after the empty line, INCOMPLETE, or REFUSED
   */
  scan(bytes: Buffer, at: number, end: number): number {
    this.#reset();
    let p = at;
    while (p < end) {
      const nameFrom = p;
      while (p < end && TOKEN[bytes[p] as number] === 1) p++;
      if (p === end) return INCOMPLETE;
      if (p === nameFrom) return this.#endOfSection(bytes, p, end);
      const nameTo = p;
      if (bytes[p] !== COLON) return this.#refuse("bad_request", "a field name is not a token followed by a colon");
      p++;
      while (p < end && (bytes[p] === SPACE || bytes[p] === TAB)) p++;
      const valueFrom = p;
      while (p < end && VALUE[bytes[p] as number] === 1) p++;
      if (p === end) return INCOMPLETE;
      if (bytes[p] !== CR) return this.#refuse("bad_request", "a field value holds a control character or a bare LF");
      let valueTo = p;
      while (valueTo > valueFrom && (bytes[valueTo - 1] === SPACE || bytes[valueTo - 1] === TAB)) valueTo--;
      p++;
      if (p === end) return INCOMPLETE;
      if (bytes[p] !== LF) return this.#refuse("bad_request", "a bare CR stands in a field value");
      p++;
      if (!this.#note(bytes, nameFrom, nameTo, valueFrom, valueTo)) return REFUSED;
    }
    return INCOMPLETE;
  }

  #endOfSection(bytes: Buffer, p: number, end: number): number {
    const byte = bytes[p] as number;
    if (byte !== CR) return this.#refuse("bad_request", lineStartReason(byte));
    if (p + 1 === end) return INCOMPLETE;
    if (bytes[p + 1] !== LF) return this.#refuse("bad_request", "a bare CR stands where a field line should");
    if (this.#upgradeOption) this.upgrade = this.#upgradeValue;
    return p + 2;
  }

  #note(bytes: Buffer, nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): boolean {
    const index = this.#count;
    if (index === limits.http.headFieldsMax) {
      this.fault = new MessageFault("header_too_large", `more than ${limits.http.headFieldsMax} fields`);
      return false;
    }
    const marks = this.#marks;
    marks[index * 4] = nameFrom;
    marks[index * 4 + 1] = nameTo;
    marks[index * 4 + 2] = valueFrom;
    marks[index * 4 + 3] = valueTo;
    this.#kinds[index] = this.#special(bytes, nameFrom, nameTo - nameFrom, valueFrom, valueTo);
    this.#count = index + 1;
    return this.fault === undefined;
  }

  /** Most names fail the switch on their length. */
  #special(bytes: Buffer, from: number, length: number, valueFrom: number, valueTo: number): number {
    switch (length) {
      case 2:
        return matches(bytes, from, "te") ? KIND_TE : KIND_PLAIN;
      case 4:
        if (matches(bytes, from, "host")) {
          this.hosts++;
          this.hostFrom = valueFrom;
          this.hostTo = valueTo;
        }
        return KIND_PLAIN;
      case 6:
        if (!matches(bytes, from, "expect")) return KIND_PLAIN;
        this.expect = this.expect === undefined ? lowerText(bytes, valueFrom, valueTo) : "";
        return KIND_HOP;
      case 7:
        if (!matches(bytes, from, "upgrade")) return KIND_PLAIN;
        this.#upgradeValue = lowerText(bytes, valueFrom, valueTo);
        return KIND_HOP;
      case 10:
        if (matches(bytes, from, "connection")) return this.#connection(bytes, valueFrom, valueTo);
        if (!matches(bytes, from, "keep-alive")) return KIND_PLAIN;
        this.#keepAliveHint(lowerText(bytes, valueFrom, valueTo));
        return KIND_HOP;
      case 14:
        return matches(bytes, from, "content-length") ? this.#length(bytes, from + 15, valueFrom, valueTo) : KIND_PLAIN;
      case 16:
        return matches(bytes, from, "proxy-connection") ? KIND_HOP : KIND_PLAIN;
      case 17:
        return matches(bytes, from, "transfer-encoding")
          ? this.#coding(bytes, from + 18, valueFrom, valueTo)
          : KIND_PLAIN;
      case 19:
        return matches(bytes, from, "proxy-authorization") ? KIND_HOP : KIND_PLAIN;
      default:
        return KIND_PLAIN;
    }
  }

  /** RFC 9112 section 6.2, 6.3: digits without sign, list, leading zero or odd spaces, stated once. */
  #length(bytes: Buffer, afterColon: number, from: number, to: number): number {
    if (this.contentLength >= 0) this.#refuse("ambiguous_framing", "more than one Content-Length");
    else if (!isPlainValue(bytes, afterColon, from, to))
      this.#refuse("ambiguous_framing", "Content-Length is surrounded by odd spaces");
    else if (from === to || to - from > 15 || (bytes[from] === ZERO && to - from > 1))
      this.#refuse("ambiguous_framing", "Content-Length is empty, too large or has leading zeros");
    let value = 0;
    for (let p = from; p < to; p++) {
      const byte = bytes[p] as number;
      if (byte < ZERO || byte > NINE) this.#refuse("ambiguous_framing", "Content-Length is not a number");
      value = value * 10 + (byte - ZERO);
    }
    if (this.chunked) this.#refuse("ambiguous_framing", "both Content-Length and Transfer-Encoding");
    this.contentLength = value;
    return KIND_HOP;
  }

  /** RFC 9112 section 6.1: the one coding that this hop can undo, stated once. */
  #coding(bytes: Buffer, afterColon: number, from: number, to: number): number {
    if (this.chunked) this.#refuse("ambiguous_framing", "more than one Transfer-Encoding");
    else if (this.contentLength >= 0) this.#refuse("ambiguous_framing", "both Content-Length and Transfer-Encoding");
    else if (!isPlainValue(bytes, afterColon, from, to) || to - from !== 7 || !matches(bytes, from, "chunked"))
      this.#refuse("ambiguous_framing", "Transfer-Encoding is not exactly chunked");
    this.chunked = true;
    return KIND_HOP;
  }

  /** RFC 9110 section 7.6.1. */
  #connection(bytes: Buffer, from: number, to: number): number {
    // What nearly all say, without a text of it.
    if (to - from === 10 && matches(bytes, from, "keep-alive")) {
      this.keepAlive = true;
      return KIND_HOP;
    }
    for (const part of lowerText(bytes, from, to).split(",")) {
      const option = withoutSpaces(part);
      if (option === "close") this.close = true;
      else if (option === "keep-alive") this.keepAlive = true;
      else if (option === "upgrade") this.#upgradeOption = true;
      else if (option !== "" && !PLAIN_OPTIONS.has(option)) this.#nominate(option);
    }
    return KIND_HOP;
  }

  #nominate(name: string): void {
    if (isCritical(name)) this.#refuse("bad_request", `Connection names ${name}`);
    this.#nominated ??= new Set();
    this.#nominated.add(name);
  }

  #keepAliveHint(value: string): void {
    const seconds = /(?:^|[ ,])timeout=(\d{1,6})(?:$|[ ,])/.exec(value)?.[1];
    if (seconds !== undefined) this.keepAliveTimeoutS = Number(seconds);
  }

  /**
   * Names and values of the scanned section without what belongs to this hop alone; `te` stays when it says `trailers`.
   * @param text `bytes` from `base` on as latin1
   */
  toRaw(text: string, base: number): string[] {
    const raw: string[] = [];
    const marks = this.#marks;
    for (let i = 0; i < this.#count; i++) {
      const kind = this.#kinds[i];
      if (kind === KIND_HOP) continue;
      const at = i * 4;
      const name = text.substring((marks[at] as number) - base, (marks[at + 1] as number) - base);
      if (this.#nominated?.has(name.toLowerCase())) continue;
      const value = text.substring((marks[at + 2] as number) - base, (marks[at + 3] as number) - base);
      if (kind === KIND_TE && !acceptsTrailers(value)) continue;
      raw.push(name, kind === KIND_TE ? "trailers" : value);
    }
    return raw;
  }
}

function lineStartReason(byte: number): string {
  if (byte === SPACE || byte === TAB) return "a field line is folded or starts with a space";
  if (byte === COLON) return "a field name is empty";
  return byte === LF ? "a bare LF ends a line" : "a field name holds a character that is no token";
}

/** At most one space before and none behind: what every honest sender writes, and no two parsers disagree on. */
function isPlainValue(bytes: Buffer, afterColon: number, from: number, to: number): boolean {
  if (from - afterColon > 1 || (from > afterColon && bytes[afterColon] !== SPACE)) return false;
  return bytes[to] === CR;
}

function lowerText(bytes: Buffer, from: number, to: number): string {
  return bytes.toString("latin1", from, to).toLowerCase();
}

/** OWS is SP and HTAB; `trim` would also take bytes above 0x7f for spaces. */
function withoutSpaces(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

function acceptsTrailers(value: string): boolean {
  return value.split(",").some((coding) => withoutSpaces(coding).toLowerCase() === "trailers");
}
