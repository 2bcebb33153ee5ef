import type { ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { HOP_BY_HOP, isForgeable } from "./header-names.ts";

export interface HeadFindings {
  /** Names that must not go on inside: hop-by-hop, named by `Connection`, or believed inside. Lower case. */
  readonly dropped: readonly string[];
  /** Set when the head is refused. */
  readonly refused?: { readonly code: ErrorCode; readonly reason: string };
}

/**
 * Looks at a client's request head once: its bounds, its framing, and what of it ends here.
 * @param fields names in lower case, as a platform's header object iterates
 * @param targetBytes length of the request target
 */
export function inspectHead(
  fields: Iterable<readonly [name: string, value: string]>,
  targetBytes: number,
): HeadFindings {
  const { headBytesMax, headFieldsMax, targetBytesMax } = limits.http;
  const dropped: string[] = [];
  let bytes = targetBytes;
  let count = 0;
  let length = false;
  let chunked = false;
  let types = "";
  for (const [name, value] of fields) {
    count++;
    bytes += name.length + value.length + 4;
    if (name === "content-length") length = true;
    else if (name === "transfer-encoding") chunked = true;
    else if (name === "content-type") types = types === "" ? value : `${types},${value}`;
    else if (name === "connection") dropped.push(...connectionNames(value));
    if (endsHere(name)) dropped.push(name);
  }
  if (targetBytes > targetBytesMax) return refuse("uri_too_long", `target of ${targetBytes} bytes`);
  if (bytes > headBytesMax) return refuse("header_too_large", `head of ${bytes} bytes`);
  if (count > headFieldsMax) return refuse("header_too_large", `${count} fields`);
  if (length && chunked) return refuse("ambiguous_framing", "content-length with transfer-encoding");
  if (isPerhapsGrpc(types)) return refuse("bad_request", `content-type ${types.slice(0, 128)} names several types`);
  return { dropped };
}

/** One of several types is that of gRPC: who takes the first of them, or the last, would have a call that nobody before him has seen as one. */
const isPerhapsGrpc = (types: string): boolean => types.includes(",") && /application\/grpc/i.test(types);

/** Why a method is not served, whatever it is asked for, or undefined. @param hasContent the request has a body that is not empty */
export function refuseMethod(method: string, hasContent: boolean): HeadFindings["refused"] {
  // An upstream that mirrors the request would show the client what was added for the inside (RFC 9110 section 9.3.8).
  if (method === "TRACE") return { code: "not_implemented", reason: "TRACE" };
  if (hasContent && (method === "GET" || method === "HEAD"))
    return { code: "bad_request", reason: `${method} with content, which cannot be passed on` };
  return undefined;
}

/** `expect` is answered by the server that reads the body here. */
function endsHere(name: string): boolean {
  return HOP_BY_HOP.has(name) || isForgeable(name) || name === "expect" || name === "host";
}

/** Fields that a `Connection` value names (RFC 9110 section 7.6.1), but for those that a proxy needs itself. */
export function connectionNames(value: string): string[] {
  return value
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && !END_TO_END.has(name));
}

/** A client must not be able to have these removed. */
const END_TO_END = new Set(["authorization", "content-type", "content-length", "content-encoding", "cookie", "origin"]);

function refuse(code: ErrorCode, reason: string): HeadFindings {
  return { dropped: [], refused: { code, reason } };
}
