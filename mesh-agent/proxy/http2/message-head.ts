/** What header blocks mean (RFC 9113 section 8), as strictly as HTTP/1.1 heads are read: both lead to the same requests. */
import { limits } from "../../../shared/limits.ts";
import { isProtocolName } from "../../../shared/policy/upgrade.ts";
import { PATH, QUERY } from "../http1/byte-class.ts";
import { isCritical, MessageFault } from "../http1/field-scanner.ts";
import { isAuthorityText, isKnownMethod } from "../http1/head-scanner.ts";
import { type FieldBlock, Malformed, type RequestParts, type ResponseParts } from "./field-block.ts";

const PSEUDO = 0x3a;
/** Section 8.2.2. */
const CONNECTION_SPECIFIC = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Gathers the regular fields of one section. One instance serves all: a section is over before the next begins. */
class FieldGatherer {
  fields: string[] = [];
  contentLength = -1;
  host: string | undefined;
  expect: string | undefined;
  #cookieAt = -1;

  reset(): void {
    this.fields = [];
    this.contentLength = -1;
    this.host = undefined;
    this.expect = undefined;
    this.#cookieAt = -1;
  }

  /** @returns why the message is malformed */
  take(name: string, value: string, isRequest: boolean): string | undefined {
    switch (name) {
      case "te":
        if (value !== "trailers") return "te is not trailers";
        break;
      case "content-length":
        return this.#length(value);
      case "proxy-authorization":
        return undefined;
      case "host":
        if (!isRequest) break;
        if (this.host !== undefined) return "more than one host";
        this.host = value;
        return undefined;
      case "expect":
        if (!isRequest) break;
        this.expect = this.expect === undefined ? value.toLowerCase() : "";
        return undefined;
      case "cookie":
        if (isRequest && this.#cookieAt >= 0) {
          // Section 8.2.3: crumbs are one field for everybody else.
          this.fields[this.#cookieAt] += `; ${value}`;
          return undefined;
        }
        this.#cookieAt = this.fields.length + 1;
        break;
      default:
        if (CONNECTION_SPECIFIC.has(name)) return `${name} has no place in HTTP/2`;
    }
    this.fields.push(name, value);
    return undefined;
  }

  #length(value: string): string | undefined {
    if (this.contentLength >= 0) return "more than one content-length";
    if (!/^(?:0|[1-9]\d{0,14})$/.test(value)) return "content-length is not a plain number";
    this.contentLength = Number(value);
    return undefined;
  }
}

const gatherer = new FieldGatherer();

/** @returns why the section is malformed */
function gather(raw: readonly string[], from: number, isRequest: boolean): string | undefined {
  gatherer.reset();
  for (let i = from; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.charCodeAt(0) === PSEUDO) return "a pseudo-field stands behind or among regular fields, or is unknown";
    const reason = gatherer.take(name, raw[i + 1] as string, isRequest);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** A request, or how it is refused: with an answer, or as malformed. */
export function requestOf(block: FieldBlock): RequestParts | MessageFault | Malformed {
  block.request ??= readRequest(block);
  return block.request;
}

function readRequest({ raw, fault, tooLarge }: FieldBlock): RequestParts | MessageFault | Malformed {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let protocol: string | undefined;
  let i = 0;
  for (; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":path" && path === undefined) path = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else if (name === ":protocol" && protocol === undefined) protocol = value;
    else break;
  }
  if (fault !== undefined) return new Malformed(fault);
  const reason = gather(raw, i, true);
  if (reason !== undefined) return new Malformed(reason);
  if (tooLarge) return new MessageFault("header_too_large", "the header section is too large");
  if (method === undefined || method === "") return new Malformed("no :method");
  const host = authority ?? gatherer.host;
  if (gatherer.host !== undefined && gatherer.host !== host) return new Malformed("host is not :authority");
  if (protocol !== undefined) return readUpgrade(method, protocol, scheme, path, host);
  if (method === "CONNECT") return readConnect(scheme, path, authority);
  if (scheme === undefined || path === undefined || path === "") return new Malformed("no :scheme or no :path");
  const refusal = checkRequest(method, scheme, path, host);
  if (refusal !== undefined) return refusal;
  return partsOf(method, path, host as string);
}

/** Section 8.5. */
function readConnect(
  scheme: string | undefined,
  path: string | undefined,
  authority: string | undefined,
): RequestParts | Malformed {
  if (scheme !== undefined || path !== undefined) return new Malformed("CONNECT with :scheme or :path");
  if (authority === undefined || !/:\d+$/.test(authority) || !isAuthorityText(authority))
    return new Malformed("CONNECT without a host and port in :authority");
  if (gatherer.contentLength >= 0) return new Malformed("CONNECT with content-length");
  return partsOf("CONNECT", authority, authority);
}

/** RFC 8441 section 4: what over HTTP/1.1 is a GET with `Upgrade` (section 5). */
function readUpgrade(
  method: string,
  protocol: string,
  scheme: string | undefined,
  path: string | undefined,
  host: string | undefined,
): RequestParts | MessageFault | Malformed {
  if (method !== "CONNECT") return new Malformed(":protocol without CONNECT");
  if (scheme === undefined || path === undefined || path === "") return new Malformed("no :scheme or no :path");
  if (gatherer.contentLength >= 0) return new Malformed("CONNECT with content-length");
  const refusal = checkRequest("GET", scheme, path, host);
  if (refusal !== undefined) return refusal;
  if (!isProtocolName(protocol)) return new MessageFault("bad_request", ":protocol is not the name of a protocol");
  return { ...partsOf("GET", path, host as string), upgrade: protocol.toLowerCase() };
}

function partsOf(method: string, target: string, host: string): RequestParts {
  const { fields, contentLength, expect } = gatherer;
  return {
    method,
    target,
    fields: ["host", host, ...fields],
    contentLength,
    expectContinue: expect !== undefined && contentLength !== 0,
  };
}

function checkRequest(
  method: string,
  scheme: string,
  path: string,
  host: string | undefined,
): MessageFault | undefined {
  if (!isKnownMethod(method)) return new MessageFault("not_implemented", "the method is unknown");
  if (scheme !== "http" && scheme !== "https")
    return new MessageFault("bad_request", "the scheme is not http or https");
  if (host === undefined) return new MessageFault("bad_request", "no :authority and no host");
  if (!isAuthorityText(host))
    return new MessageFault("bad_request", "the authority is not a host with an optional port");
  if (path.length > limits.http.targetBytesMax)
    return new MessageFault("uri_too_long", `the target is longer than ${limits.http.targetBytesMax} bytes`);
  if (path === "*" ? method !== "OPTIONS" : !isPath(path))
    return new MessageFault("bad_request", "the path does not start with a slash or holds a character that no URI has");
  if (gatherer.expect !== undefined && gatherer.expect !== "100-continue")
    return new MessageFault("expectation_failed", "Expect is not 100-continue");
  return undefined;
}

function isPath(path: string): boolean {
  if (path.charCodeAt(0) !== 0x2f) return false;
  let table: Uint8Array = PATH;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === 0x3f) table = QUERY;
    if (table[code] !== 1) return false;
  }
  return true;
}

/** An answer's head, final or interim. */
export function responseOf(block: FieldBlock): ResponseParts | Malformed {
  block.response ??= readResponse(block);
  return block.response;
}

function readResponse({ raw, fault, tooLarge }: FieldBlock): ResponseParts | Malformed {
  if (raw[0] !== ":status") return new Malformed("an answer does not begin with :status");
  const text = raw[1] as string;
  if (!/^[1-5]\d\d$/.test(text)) return new Malformed(":status is not a status");
  if (fault !== undefined) return new Malformed(fault);
  const reason = gather(raw, 2, false);
  if (reason !== undefined) return new Malformed(reason);
  if (tooLarge) return new Malformed("the header section is too large");
  const status = Number(text);
  const { fields, contentLength } = gatherer;
  if (status === 101) return new Malformed("101 has no place in HTTP/2");
  if (status < 200 && contentLength >= 0) return new Malformed("an interim answer with a length");
  return { status, fields, contentLength };
}

/** Trailers, RFC 9113 section 8.1: what frames, routes or proves may not come after the body. */
export function trailersOf(block: FieldBlock): readonly string[] | Malformed {
  block.trailers ??= readTrailers(block);
  return block.trailers;
}

function readTrailers({ raw, fault, tooLarge }: FieldBlock): readonly string[] | Malformed {
  if (fault !== undefined) return new Malformed(fault);
  const reason = gather(raw, 0, false);
  if (reason !== undefined) return new Malformed(reason);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (isCritical(name)) return new Malformed(`a trailer is named ${name}`);
  }
  // Those of answers may be as large as a head: metadata of gRPC.
  if (tooLarge) return new Malformed("the trailer section is too large");
  return raw.filter((_, i) => raw[i & ~1] !== "te");
}
