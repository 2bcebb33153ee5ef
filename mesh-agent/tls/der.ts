/** DER, as far as certificates need it (X.690 section 8.1). */

export const SEQUENCE = 0x30;

export interface Element {
  readonly tag: number;
  /** Where its value begins. */
  readonly from: number;
  readonly to: number;
}

/** The DER elements between two positions. @throws RangeError where the encoding is broken */
export function elements(der: Buffer, from: number, to: number): Element[] {
  const found: Element[] = [];
  let p = from;
  while (p < to) {
    const tag = der.readUInt8(p);
    let length = der.readUInt8(p + 1);
    p += 2;
    if (length > 0x7f) {
      const bytes = length & 0x7f;
      if (bytes === 0 || bytes > 3) throw new RangeError("DER length");
      length = der.readUIntBE(p, bytes);
      p += bytes;
    }
    if (p + length > to) throw new RangeError("DER length");
    found.push({ tag, from: p, to: p + length });
    p += length;
  }
  return found;
}

/** The elements that another one, of that tag, is made of. @throws RangeError for anything else */
export function inside(der: Buffer, element: Element | undefined, tag: number): Element[] {
  if (element === undefined || element.tag !== tag) throw new RangeError("DER structure");
  return elements(der, element.from, element.to);
}

/** Tag, length and value, X.690 section 8.1. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), value]);
  const size = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, 0x80 | size.length, ...size), value]);
}
