/**
 * Errors as callers by gRPC understand them: HTTP status 200, and the status of the call in fields.
 *
 * gRPC over HTTP/2: `Trailers-Only`, the fields stand in the header section and there is no content. gRPC-Web has the same
 * fields as a frame of the content, where a script of another origin can read them, too.
 */
export interface GrpcCall {
  readonly kind: "grpc" | "web" | "web-text";
  /** Of the answer. */
  readonly contentType: string;
}

export interface GrpcError {
  /** Code of the call's status, 1 to 16. */
  readonly status: number;
  readonly message: string;
  /** When the call may be repeated; absent: that is not known. */
  readonly retryAfterSeconds?: number | undefined;
}

/** One media type, perhaps with parameters; what is listed after a comma would be somebody else's. */
const CALL = /^application\/grpc(-web-text|-web)?(\+[a-z0-9][a-z0-9.+-]{0,63})?(?:[ \t]*;[^,]*)?$/i;

/** Whether a request is a call by gRPC, and in which form: those are POST and say so by their content's type. */
export function grpcCallOf(method: string, contentType: string | null): GrpcCall | undefined {
  if (method !== "POST" || contentType === null) return undefined;
  const found = CALL.exec(contentType.trim());
  if (found === null) return undefined;
  const [, form = "", codec = ""] = found;
  const kind = form === "" ? "grpc" : (form.slice(1).toLowerCase() as GrpcCall["kind"]);
  return { kind, contentType: `application/grpc${form}${codec}`.toLowerCase() };
}

/** The status as fields. */
export function grpcFields({ status, message, retryAfterSeconds }: GrpcError): [name: string, value: string][] {
  return [
    ["grpc-status", String(status)],
    ["grpc-message", percentEncoded(message)],
    ...(retryAfterSeconds === undefined ? [] : [pushback(retryAfterSeconds)]),
  ];
}

/**
 * The frame that ends an answer by gRPC-Web: a flag of trailers, the length, `name: value` lines.
 * @param fields one character an octet, as they stand on the wire
 */
export function grpcWebTrailers(fields: Iterable<readonly [name: string, value: string]>): Uint8Array {
  const text = Array.from(fields, ([name, value]) => `${name}: ${value}\r\n`).join("");
  const lines = Uint8Array.from(text, (octet) => octet.charCodeAt(0));
  return grpcFrame(TRAILERS_FLAG, lines);
}

/** A frame of content: the octet of flags, four of the length, then what it holds. */
export function grpcFrame(flags: number, content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + content.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, flags);
  view.setUint32(1, content.length);
  frame.set(content, FRAME_HEAD_BYTES);
  return frame;
}

/** Of a frame that holds the trailers (PROTOCOL-WEB.md of gRPC). */
export const TRAILERS_FLAG = 0x80;
export const FRAME_HEAD_BYTES = 5;

/** Largest delay that fits into the field, a signed 32-bit integer. */
const PUSHBACK_MS_MAX = 2 ** 31 - 1;

/** gRFC A6: milliseconds until the call may be repeated. A negative number asks not to repeat it, as where it is too far away to say. */
function pushback(seconds: number): [name: string, value: string] {
  const ms = seconds * 1000;
  return ["grpc-retry-pushback-ms", String(ms <= PUSHBACK_MS_MAX ? ms : -1)];
}

/** `Status-Message`: the UTF-8 bytes, all but printable ASCII and `%` itself escaped. */
function percentEncoded(text: string): string {
  let encoded = "";
  for (const byte of new TextEncoder().encode(text))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}
