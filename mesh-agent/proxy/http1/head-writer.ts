/** Heads on their way out (RFC 9112 sections 3 to 6): always written anew from validated parts, with our own framing. */
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

/** A character above 0xff would become another one in latin1, perhaps a line feed; the tables end before it. */
function consistsOf(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** @throws TypeError for what cannot stand in a field; nothing was sent then */
function fieldLines(fields: FieldList): string {
  let text = "";
  const size = fields.size;
  for (let i = 0; i < size; i++) {
    const name = fields.nameAt(i);
    const value = fields.valueAt(i);
    if (name === "" || !consistsOf(name, TOKEN)) throw new TypeError(`not a field name: ${JSON.stringify(name)}`);
    if (!consistsOf(value, VALUE)) throw new TypeError(`the value of ${name} holds a control character`);
    if (!isOwn(name)) text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** How the body of a message that is sent is framed; a number: that many bytes. */
export type SentFraming = number | "chunked" | "none" | "close";

function framingLine(framing: SentFraming): string {
  if (framing === "chunked") return "transfer-encoding: chunked\r\n";
  return typeof framing === "number" ? `content-length: ${framing}\r\n` : "";
}

/**
 * @param fields `te: trailers` in them is kept and named by `Connection` (RFC 9110 section 10.1.4), unless there is an upgrade
 * @param upgrade protocol to change to; undefined: none
 */
export function requestHeadText(
  method: string,
  target: string,
  fields: FieldList,
  framing: SentFraming,
  upgrade?: string,
): string {
  if (!consistsOf(target, QUERY) || !consistsOf(method, TOKEN))
    throw new TypeError(`not a request line: ${JSON.stringify(`${method} ${target}`)}`);
  const te = fields.has("te") ? "te: trailers\r\nconnection: te\r\n" : "";
  const own = upgrade === undefined ? te : upgradeLines(upgrade);
  return `${method} ${target} HTTP/1.1\r\n${fieldLines(fields)}${own}${framingLine(framing)}\r\n`;
}

/** @param protocol was looked at: a name, perhaps with a version */
function upgradeLines(protocol: string): string {
  return `connection: upgrade\r\nupgrade: ${protocol}\r\n`;
}

/** The answer that ends HTTP on a connection, RFC 9110 section 15.2.2. */
export function switchingHeadText(fields: FieldList, protocol: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\n${fieldLines(fields)}${upgradeLines(protocol)}\r\n`;
}

export function responseHeadText(status: number, fields: FieldList, framing: SentFraming, close: boolean): string {
  const end = close ? "connection: close\r\n\r\n" : "\r\n";
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${fieldLines(fields)}${framingLine(framing)}${end}`;
}

export function interimHeadText(status: number, fields: FieldList): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${fieldLines(fields)}\r\n`;
}

/** The last chunk with its trailers, RFC 9112 section 7.1.2. */
export function lastChunkText(trailers: FieldList | undefined): string {
  return trailers === undefined || trailers.size === 0 ? "0\r\n\r\n" : `0\r\n${fieldLines(trailers)}\r\n`;
}
