/**
 * Heads on their way out (RFC 9112 sections 3 to 6): always written anew from validated parts, with our own framing. Bytes are put
 * together in memory that is used again; texts that are joined first cost several times as much.
 */
import type { FieldList } from "../../../shared/http/field-list.ts";
import { nodeHttp } from "../node-http.ts";
import { QUERY, TOKEN, VALUE } from "./byte-class.ts";

const { STATUS_CODES } = nodeHttp;

/** Fields that the writer states itself, by length of their names; a handed-in one is left out. */
const OWN: readonly (readonly string[] | undefined)[] = (() => {
  const byLength: string[][] = [];
  for (const name of [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "te",
    "expect",
  ]) {
    byLength[name.length] ??= [];
    byLength[name.length]?.push(name);
  }
  return byLength;
})();

function isOwn(name: string): boolean {
  const candidates = OWN[name.length];
  return candidates?.includes(name.toLowerCase()) ?? false;
}

let out: Buffer = Buffer.allocUnsafeSlow(8_192);
let at = 0;

function reserve(bytes: number): void {
  if (at + bytes <= out.length) return;
  const larger = Buffer.allocUnsafeSlow(2 * (at + bytes));
  out.copy(larger, 0, 0, at);
  out = larger;
}

/** @param text of ours, latin1 */
function put(text: string): void {
  reserve(text.length);
  for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
}

/**
 * A character above 0xff would become another one in latin1, perhaps a line feed; the tables end before it.
 * @returns false: a character of it is not of the table
 */
function putAllowed(text: string, table: Uint8Array): boolean {
  reserve(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (table[code] !== 1) return false;
    out[at++] = code;
  }
  return true;
}

/** @returns a copy of what was put together */
function taken(): Buffer {
  const bytes = Buffer.allocUnsafe(at);
  out.copy(bytes, 0, 0, at);
  return bytes;
}

/** @throws TypeError for what cannot stand in a field; nothing was sent then */
function putFields(fields: FieldList): void {
  const size = fields.size;
  for (let i = 0; i < size; i++) {
    const name = fields.nameAt(i);
    const from = at;
    if (name === "" || !putAllowed(name, TOKEN)) throw new TypeError(`not a field name: ${JSON.stringify(name)}`);
    put(": ");
    if (!putAllowed(fields.valueAt(i), VALUE)) throw new TypeError(`the value of ${name} holds a control character`);
    if (isOwn(name)) at = from;
    else put("\r\n");
  }
}

/** How the body of a message that is sent is framed; a number: that many bytes. */
export type SentFraming = number | "chunked" | "none" | "close";

function putFraming(framing: SentFraming): void {
  if (framing === "chunked") put("transfer-encoding: chunked\r\n");
  else if (typeof framing === "number") {
    put("content-length: ");
    put(String(framing));
    put("\r\n");
  }
}

/**
 * @param fields `te: trailers` in them is kept and named by `Connection` (RFC 9110 section 10.1.4), unless there is an upgrade
 * @param upgrade protocol to change to; undefined: none
 */
export function requestHead(
  method: string,
  target: string,
  fields: FieldList,
  framing: SentFraming,
  upgrade?: string,
): Buffer {
  at = 0;
  const isMethod = putAllowed(method, TOKEN);
  put(" ");
  if (!isMethod || !putAllowed(target, QUERY))
    throw new TypeError(`not a request line: ${JSON.stringify(`${method} ${target}`)}`);
  put(" HTTP/1.1\r\n");
  putFields(fields);
  if (upgrade !== undefined) putUpgrade(upgrade);
  else if (fields.has("te")) put("te: trailers\r\nconnection: te\r\n");
  putFraming(framing);
  put("\r\n");
  return taken();
}

/** @param protocol was looked at: a name, perhaps with a version */
function putUpgrade(protocol: string): void {
  put(`connection: upgrade\r\nupgrade: ${protocol}\r\n`);
}

/** The answer that ends HTTP on a connection, RFC 9110 section 15.2.2. */
export function switchingHead(fields: FieldList, protocol: string): Buffer {
  putStatus(101);
  putFields(fields);
  putUpgrade(protocol);
  put("\r\n");
  return taken();
}

export function responseHead(status: number, fields: FieldList, framing: SentFraming, close: boolean): Buffer {
  putStatus(status);
  putFields(fields);
  putFraming(framing);
  put(close ? "connection: close\r\n\r\n" : "\r\n");
  return taken();
}

export function interimHead(status: number, fields: FieldList): Buffer {
  putStatus(status);
  putFields(fields);
  put("\r\n");
  return taken();
}

const statusLines: string[] = [];

function putStatus(status: number): void {
  at = 0;
  statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  put(statusLines[status]);
}

/** The last chunk with its trailers, RFC 9112 section 7.1.2. */
export function lastChunk(trailers: FieldList | undefined): string | Buffer {
  if (trailers === undefined || trailers.size === 0) return "0\r\n\r\n";
  at = 0;
  put("0\r\n");
  putFields(trailers);
  put("\r\n");
  return taken();
}
