/**
 * Header blocks on their way out (RFC 7541), always without a dynamic table: the same head is the same bytes on every
 * connection and at any time. Literals are "never indexed": what a sender has marked so stays so (section 6.2.3), and
 * nothing here has to remember which were.
 */
import type { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import type { RequestHead } from "../engine.ts";
import { QUERY, SPACE, TAB, TOKEN, VALUE } from "../http1/byte-class.ts";
import { STATIC_ENTRIES, STATIC_NAMES, STATIC_TABLE } from "./hpack-static-table.ts";

const INDEXED = 0x80;
const NEVER_INDEXED = 0x10;

/** The peer is told before the first block of a connection that no table is used: a table size update to 0. */
export const NO_TABLE: Buffer = Buffer.from([0x20]);

/** Fields that are the connection's own, or stated by the engine. */
const OWN = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "content-length",
  "upgrade",
  "te",
  "expect",
  "http2-settings",
]);

/** How a name is written: before its value, or not at all. */
interface KnownName {
  readonly lower: string;
  readonly prefix: Buffer;
  readonly own: boolean;
}

const NAMES_MAX = 1_024;
const names = new Map<string, KnownName>();

/** Static entries with a value, by name and value. */
const pairs = new Map<string, Map<string, number>>();
for (let i = STATIC_ENTRIES; i > 0; i--) {
  const name = STATIC_TABLE[i * 2 - 2] as string;
  const value = STATIC_TABLE[i * 2 - 1] as string;
  const values = pairs.get(name) ?? new Map<string, number>();
  if (value !== "") pairs.set(name, values.set(value, i));
}

// Variables of the module, here and in http1/head-writer.ts: every octet goes through them, and what both have in common is these lines.
let out: Buffer = Buffer.allocUnsafeSlow(8_192);
let at = 0;

function reserve(bytes: number): void {
  if (at + bytes <= out.length) return;
  const larger = Buffer.allocUnsafeSlow(2 * (at + bytes));
  out.copy(larger, 0, 0, at);
  out = larger;
}

/** RFC 7541 section 5.1. */
function putInteger(first: number, prefixBits: number, value: number): void {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    out[at++] = first | value;
    return;
  }
  out[at++] = first | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
}

/** @returns false: it cannot stand in a field */
function putValue(value: string): boolean {
  let from = 0;
  let to = value.length;
  while (to > from && isSpace(value.charCodeAt(to - 1))) to--;
  while (from < to && isSpace(value.charCodeAt(from))) from++;
  reserve(to - from + 8);
  putInteger(0, 7, to - from);
  for (let i = from; i < to; i++) {
    const code = value.charCodeAt(i);
    if (VALUE[code] !== 1) return false;
    out[at++] = code;
  }
  return true;
}

function consistsOf(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** @returns a copy of what was put together */
function taken(): Buffer {
  const bytes = Buffer.allocUnsafe(at);
  out.copy(bytes, 0, 0, at);
  return bytes;
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

function putBytes(bytes: Buffer): void {
  reserve(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[at++] = bytes[i] as number;
}

/** @throws TypeError for what is no field name */
function knownName(name: string): KnownName {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (name === "" || !consistsOf(name, TOKEN)) throw new TypeError(`not a field name: ${JSON.stringify(name)}`);
  const lower = name.toLowerCase();
  const made = { lower, prefix: namePrefix(lower), own: OWN.has(lower) };
  if (names.size >= NAMES_MAX) names.clear();
  names.set(name, made);
  return made;
}

function namePrefix(lower: string): Buffer {
  const from = at;
  reserve(lower.length + 8);
  const index = STATIC_NAMES.get(lower);
  if (index !== undefined) putInteger(NEVER_INDEXED, 4, index);
  else {
    out[at++] = NEVER_INDEXED;
    putInteger(0, 7, lower.length);
    at += out.write(lower, at, "latin1");
  }
  const prefix = Buffer.from(out.subarray(from, at));
  at = from;
  return prefix;
}

/** A pseudo-field, or a field that the engine states. */
function putOwn(name: string, value: string): void {
  const pair = pairs.get(name)?.get(value);
  reserve(8);
  if (pair !== undefined) {
    out[at++] = INDEXED | pair;
    return;
  }
  putInteger(NEVER_INDEXED, 4, STATIC_NAMES.get(name) as number);
  if (!putValue(value)) throw new TypeError(`the value of ${name} holds a control character`);
}

/** @param skipHost it is in `:authority` */
function putFields(fields: FieldList, skipHost: boolean): void {
  const size = fields.size;
  for (let i = 0; i < size; i++) {
    const known = knownName(fields.nameAt(i));
    if (known.own || (skipHost && known.lower === "host")) continue;
    putBytes(known.prefix);
    if (!putValue(fields.valueAt(i))) throw new TypeError(`the value of ${known.lower} holds a control character`);
  }
}

/** A head that was encoded before: the same strings give the same bytes. */
interface Remembered {
  /** Method, or status. */
  readonly first: string | number;
  readonly scheme: string;
  readonly target: string;
  readonly length: number | undefined;
  readonly fields: readonly string[];
  readonly block: Buffer;
}

/** Heads that are all different, as requests with a trace are, are kept and compared for nothing: they are let be for a while. */
const FRUITLESS_MAX = 64;
const FRUITLESS_PAUSE = 4_096;
/** Of requests and of answers: looks that found nothing. */
const fruitless = { request: 0, response: 0 };

function looksUp(kind: keyof typeof fruitless): boolean {
  if (fruitless[kind] < FRUITLESS_MAX) return true;
  if (++fruitless[kind] > FRUITLESS_MAX + FRUITLESS_PAUSE) fruitless[kind] = 0;
  return false;
}

const slots = new Array<Remembered | undefined>(limits.http2.rememberedBlocksMax);

function slotOf(first: string | number, target: string, fields: FieldList): number {
  const { size } = fields;
  const value = size === 0 ? "" : fields.valueAt(size - 1);
  const code = typeof first === "number" ? first : first.length;
  const mixed = code * 31 + target.length * 17 + size * 7 + value.length + (value === "" ? 0 : value.charCodeAt(0));
  return mixed & (limits.http2.rememberedBlocksMax - 1);
}

function hasFields(known: readonly string[], fields: FieldList): boolean {
  const { size } = fields;
  if (known.length !== size * 2) return false;
  // What differs from request to request was added last, on the way.
  for (let i = size - 1; i >= 0; i--)
    if (known[i * 2 + 1] !== fields.valueAt(i) || known[i * 2] !== fields.nameAt(i)) return false;
  return true;
}

function remembering(
  first: string | number,
  scheme: string,
  target: string,
  length: number | undefined,
  fields: FieldList,
  put: () => void,
): Buffer {
  const kind = typeof first === "number" ? "response" : "request";
  const looks = looksUp(kind);
  const slot = looks ? slotOf(first, target, fields) : 0;
  const known = looks ? slots[slot] : undefined;
  if (
    known !== undefined &&
    known.first === first &&
    known.scheme === scheme &&
    known.length === length &&
    known.target === target &&
    hasFields(known.fields, fields)
  ) {
    fruitless[kind] = Math.max(0, fruitless[kind] - 4);
    return known.block;
  }
  at = 0;
  put();
  const block = taken();
  if (looks && at <= limits.http2.rememberedBlockBytesMax) {
    fruitless[kind]++;
    const copy: string[] = [];
    for (let i = 0; i < fields.size; i++) copy.push(fields.nameAt(i), fields.valueAt(i));
    slots[slot] = { first, scheme, target, length, fields: copy, block };
  }
  return block;
}

/**
 * @param length what `content-length` says; undefined: nothing
 * @throws TypeError when the head cannot be sent
 */
export function requestBlock(head: RequestHead, scheme: string, length: number | undefined): Buffer {
  const { method, target, fields, upgrade } = head;
  if (upgrade !== undefined) return upgradeBlock(head, scheme, upgrade);
  return remembering(method, scheme, target, length, fields, () => {
    if (!consistsOf(method, TOKEN) || !consistsOf(target, QUERY))
      throw new TypeError(`not a request: ${JSON.stringify(`${method} ${target}`)}`);
    putOwn(":method", method);
    if (method === "CONNECT") putOwn(":authority", target);
    else {
      putOwn(":scheme", scheme);
      putOwn(":path", target);
      putOwn(":authority", fields.get("host") ?? "");
    }
    putFields(fields, true);
    if (fields.has("te")) putBytes(TE_TRAILERS);
    if (length !== undefined) putOwn("content-length", String(length));
  });
}

/** Extended CONNECT, RFC 8441 section 4. Never remembered: each has a key of its own. */
function upgradeBlock({ target, fields }: RequestHead, scheme: string, protocol: string): Buffer {
  if (!consistsOf(target, QUERY)) throw new TypeError(`not a target: ${JSON.stringify(target)}`);
  at = 0;
  putOwn(":method", "CONNECT");
  putBytes(PROTOCOL);
  if (!putValue(protocol)) throw new TypeError(`not a protocol: ${JSON.stringify(protocol)}`);
  putOwn(":scheme", scheme);
  putOwn(":path", target);
  putOwn(":authority", fields.get("host") ?? "");
  putFields(fields, true);
  return taken();
}

const PROTOCOL = Buffer.from([NEVER_INDEXED, 9, ...Buffer.from(":protocol")]);
const TE_TRAILERS = Buffer.from([NEVER_INDEXED, 2, ...Buffer.from("te"), 8, ...Buffer.from("trailers")]);

/** @throws TypeError when the head cannot be sent */
export function responseBlock(status: number, fields: FieldList, length: number | undefined): Buffer {
  return remembering(status, "", "", length, fields, () => {
    putOwn(":status", String(status));
    putFields(fields, false);
    if (length !== undefined) putOwn("content-length", String(length));
  });
}

/** @throws TypeError when they cannot be sent */
export function trailerBlock(fields: FieldList): Buffer {
  return remembering(0, "", "", undefined, fields, () => putFields(fields, false));
}
