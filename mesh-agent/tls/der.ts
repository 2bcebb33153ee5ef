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

const OID = 0x06;
const BOOLEAN = 0x01;
/** `[3]` of TBSCertificate (RFC 5280 section 4.1). */
export const EXTENSIONS = 0xa3;

/** The OCTET STRINGs that a certificate's extensions of an id hold. @param id contents of its OID. @throws RangeError for broken DER */
export function extensionValues(certificate: Buffer, id: Buffer): Element[] {
  const [whole] = elements(certificate, 0, certificate.length);
  const [tbs] = inside(certificate, whole, SEQUENCE);
  const wrapper = inside(certificate, tbs, SEQUENCE).find((element) => element.tag === EXTENSIONS);
  if (wrapper === undefined) return [];
  const [list] = inside(certificate, wrapper, EXTENSIONS);
  return inside(certificate, list, SEQUENCE).flatMap((extension) => {
    const [name, second, third] = inside(certificate, extension, SEQUENCE);
    if (name?.tag !== OID || !certificate.subarray(name.from, name.to).equals(id)) return [];
    const value = second?.tag === BOOLEAN ? third : second;
    return value === undefined ? [] : [value];
  });
}

/** Tag, length and value, X.690 section 8.1. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), value]);
  const size = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, 0x80 | size.length, ...size), value]);
}
