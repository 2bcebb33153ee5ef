/**
 * DER (X.690 sections 8 and 10), as far as certificates need it: tags of one byte, definite lengths in their shortest form.
 * Reads views of one buffer; whatever is not strict DER throws a DerError, which callers turn into a refusal.
 */

export class DerError extends Error {}

export interface DerValue {
  /** Identifier octet: class, constructed bit and number. */
  readonly tag: number;
  readonly content: Uint8Array;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Reads the values that stand one after the other in some content. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Tag of the next value; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next value of any kind. */
  any(): DerValue {
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError("a tag of several bytes");
    const length = this.#length();
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    if (content.length < length) throw new DerError("a value that is cut off");
    this.#at += length;
    return { tag, content };
  }

  /** Content of the next value, which must be of this kind. */
  take(tag: number): Uint8Array {
    if (this.nextTag !== tag) throw new DerError(`no value of tag ${tag} where one is needed`);
    return this.any().content;
  }

  /** The values of the next sequence. */
  sequence(): DerReader {
    return new DerReader(this.take(tags.sequence));
  }

  end(): void {
    if (!this.isAtEnd) throw new DerError("more than is expected");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DerError("a value that is cut off");
    return byte;
  }

  /** At most three bytes of length: more than is ever read here. */
  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const size = first & 0x7f;
    if (size === 0 || size > 3) throw new DerError("a length of no or of too many bytes");
    let length = 0;
    for (let at = 0; at < size; at++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (size - 1)) throw new DerError("a length that is not in its shortest form");
    return length;
  }
}

/** An object identifier in dotted form (X.690 section 8.19). */
export function readOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > 32 || (content.at(-1) as number) >= 0x80)
    throw new DerError("a malformed object identifier");
  const arcs: number[] = [];
  let value = 0;
  let fresh = true;
  for (const byte of content) {
    if (fresh && byte === 0x80) throw new DerError("an object identifier with leading zeros");
    value = value * 128 + (byte & 0x7f);
    if (value > 0xffffffff) throw new DerError("an object identifier with too large a number");
    fresh = byte < 0x80;
    if (!fresh) continue;
    arcs.push(value);
    value = 0;
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join(".");
}

/** UTCTime or GeneralizedTime as certificates have them (RFC 5280 section 4.1.2.5): with seconds, in UTC. @returns milliseconds */
export function readTime({ tag, content }: DerValue): number {
  const text = String.fromCharCode(...content.subarray(0, 16));
  const isShort = tag === tags.utcTime;
  if (!isShort && tag !== tags.generalizedTime) throw new DerError("no time where one is needed");
  const form = isShort
    ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
    : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
  const match = form.exec(text);
  if (match === null || content.length > 15) throw new DerError("a malformed time");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const fullYear = isShort ? (year < 50 ? 2000 + year : 1900 + year) : year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || date.getUTCHours() !== hour || second > 59)
    throw new DerError("a time that does not exist");
  return date.getTime();
}
