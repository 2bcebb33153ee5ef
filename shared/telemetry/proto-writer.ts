/** Messages of Protocol Buffers, written straight into one array that grows (https://protobuf.dev/programming-guides/encoding/). */

const FIRST_BYTES = 4096;
const TWO_32 = 2 ** 32;
const REPLACEMENT = 0xfffd;
/** One number on its way. */
const DOUBLE_BYTES = new Uint8Array(8);
const DOUBLE = new DataView(DOUBLE_BYTES.buffer);

export class ProtoWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  length = 0;

  /** What was written, in an array of its own. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }

  /** Writes anew, into the same memory. */
  clear(): void {
    this.length = 0;
  }

  /**
   * Begins a message, a text or bytes inside.
   * @param tag field number and wire type; one byte
   * @returns what `close` is told
   */
  open(tag: number): number {
    this.#need(2);
    this.#bytes[this.length++] = tag;
    return this.length++;
  }

  /** One byte was left for the length; what is longer moves. */
  close(at: number): void {
    const size = this.length - at - 1;
    if (size < 0x80) {
      this.#bytes[at] = size;
      return;
    }
    const more = varintBytes(size) - 1;
    this.#need(more);
    this.#bytes.copyWithin(at + 1 + more, at + 1, this.length);
    const end = this.length + more;
    this.length = at;
    this.varint(size);
    this.length = end;
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(value: number): void {
    this.#need(1);
    this.#bytes[this.length++] = value;
  }

  /** @param value a whole number from 0 to 2^53 */
  varint(value: number): void {
    this.#need(8);
    let left = value;
    while (left >= 0x80) {
      this.#bytes[this.length++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#bytes[this.length++] = left;
  }

  fixed32(value: number): void {
    this.#need(4);
    this.#word(value);
  }

  /** @param value a whole number from 0 to 2^53 */
  fixed64(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.#need(8);
    this.#word(value - high * TWO_32);
    this.#word(high);
  }

  double(value: number): void {
    DOUBLE.setFloat64(0, value, true);
    this.raw(DOUBLE_BYTES);
  }

  /** Nanoseconds since 1970, to within 256 of them. @param ms milliseconds since 1970, with a fraction */
  nanoseconds(ms: number): void {
    this.fixed64(Math.round(ms * 1e6));
  }

  /** @param digits of hexadecimal in lower case, two a byte */
  hex(tag: number, digits: string): void {
    const bytes = digits.length / 2;
    this.#need(bytes + 2);
    this.#bytes[this.length++] = tag;
    this.#bytes[this.length++] = bytes;
    for (let at = 0; at < digits.length; at += 2)
      this.#bytes[this.length++] = (nibble(digits.charCodeAt(at)) << 4) | nibble(digits.charCodeAt(at + 1));
  }

  /** A text as UTF-8. @param charsMax code units that count, the rest is left out */
  text(tag: number, value: string, charsMax: number = Number.POSITIVE_INFINITY): void {
    const chars = Math.min(value.length, charsMax);
    const place = this.open(tag);
    // A text that is cut inside a surrogate pair has the whole pair.
    this.#need(3 * chars + 1);
    let end = this.length;
    const bytes = this.#bytes;
    for (let at = 0; at < chars; at++) {
      const code = value.charCodeAt(at);
      if (code < 0x80) bytes[end++] = code;
      else {
        const point = value.codePointAt(at) ?? code;
        if (point > 0xffff) at++;
        end = utf8(bytes, end, isSurrogate(point) ? REPLACEMENT : point);
      }
    }
    this.length = end;
    this.close(place);
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    bytes[this.length++] = value;
    bytes[this.length++] = value >>> 8;
    bytes[this.length++] = value >>> 16;
    bytes[this.length++] = value >>> 24;
  }

  #need(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}

const nibble = (code: number): number => (code & 0xf) + 9 * (code >> 6);
const isSurrogate = (point: number): boolean => point >= 0xd800 && point <= 0xdfff;

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) bytes++;
  return bytes;
}

/** @param point at least 0x80 */
function utf8(bytes: Uint8Array, from: number, point: number): number {
  let end = from;
  if (point < 0x800) bytes[end++] = 0xc0 | (point >> 6);
  else {
    if (point < 0x10000) bytes[end++] = 0xe0 | (point >> 12);
    else {
      bytes[end++] = 0xf0 | (point >> 18);
      bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
    }
    bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
  }
  bytes[end++] = 0x80 | (point & 0x3f);
  return end;
}
