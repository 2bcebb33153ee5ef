/** DER from outside, read as strictly as X.690 section 10 says: definite lengths in their shortest form, nothing left over. */
import { limits } from "../../../shared/limits.ts";
import type { Bytes } from "./bytes.ts";

export interface DerElement {
  readonly tag: number;
  /** Contents octets. */
  readonly value: Bytes;
  /** Of a constructed encoding. */
  readonly parts: readonly DerElement[];
}

const CONSTRUCTED = 0x20;
const HIGH_TAG = 0x1f;

/** Exactly one element. @throws RangeError for anything else */
export function readDer(bytes: Bytes): DerElement {
  const [only, ...more] = readAll(bytes, 0);
  if (only === undefined || more.length > 0) throw new RangeError("not exactly one DER element");
  return only;
}

function readAll(bytes: Bytes, depth: number): DerElement[] {
  if (depth > limits.authority.derDepthMax) throw new RangeError("DER is nested too deeply");
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { tag, from, to } = readHead(bytes, at);
    const value = bytes.subarray(from, to);
    found.push({ tag, value, parts: (tag & CONSTRUCTED) === 0 ? [] : readAll(value, depth + 1) });
    at = to;
  }
  return found;
}

function readHead(bytes: Bytes, at: number): { tag: number; from: number; to: number } {
  const tag = byteAt(bytes, at);
  if ((tag & HIGH_TAG) === HIGH_TAG) throw new RangeError("DER tag of several bytes");
  let length = byteAt(bytes, at + 1);
  let from = at + 2;
  if (length === 0x80) throw new RangeError("DER without a definite length");
  if (length > 0x80) {
    const count = length & 0x7f;
    if (count > 3) throw new RangeError("DER length of more than three bytes");
    length = 0;
    for (const end = from + count; from < end; from++) length = length * 0x100 + byteAt(bytes, from);
    if (length < 0x80 || length < 0x100 ** (count - 1)) throw new RangeError("DER length that is not the shortest");
  }
  if (from + length > bytes.length) throw new RangeError("DER that is cut off");
  return { tag, from, to: from + length };
}

function byteAt(bytes: Bytes, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError("DER that is cut off");
  return byte;
}
