/** The names of the mappings that are open, so that one that occurs twice is found (RFC 8259 section 4). */

/** Names of one mapping that are compared with each other; of more there is a set. */
const FEW = 12;
/** Numbers kept for a name: where it begins and ends, and its hash. */
const WIDTH = 3;
const CHARS_AT_ONCE = 4_096;

export class OpenNames {
  readonly #bytesMax: number;
  /** Names one after the other, in UTF-8. A surrogate without its other half is written like any other character. */
  #bytes = new Uint8Array(1_024);
  #end = 0;
  #table = new Int32Array(WIDTH * 64);
  #count = 0;
  /** Of each open mapping and list: its first name's index in the table, and where that begins. */
  readonly #firsts: number[] = [];
  readonly #starts: number[] = [];
  readonly #sets: (Set<string> | undefined)[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Where the name that is being read begins in `bytes`, once it has. */
  start = 0;

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get end(): number {
    return this.#end;
  }

  open(): void {
    this.#firsts.push(this.#count);
    this.#starts.push(this.#end);
    this.#sets.push(undefined);
  }

  close(): void {
    this.#count = this.#firsts.pop() ?? 0;
    this.#end = this.#starts.pop() ?? 0;
    this.#sets.pop();
  }

  begin(): void {
    this.start = this.#end;
  }

  /** More of the name that is being read. @returns false: there is no room for it */
  take(chunk: Uint8Array, from: number, to: number): boolean {
    const end = this.#end + to - from;
    if (end > this.#bytesMax) return false;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#bytesMax, Math.max(end, 2 * this.#bytes.length)));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
    }
    for (let at = from, into = this.#end; at < to; at++, into++) this.#bytes[into] = chunk[at] ?? 0;
    this.#end = end;
    return true;
  }

  /** What was read of the name, with its escapes, becomes the name itself. */
  unescape(): void {
    this.#end = unescapeIn(this.#bytes, this.start, this.#end);
  }

  /** The name is whole. @returns false: its mapping has it already */
  add(): boolean {
    const set = this.#sets.at(-1);
    if (set !== undefined) return this.#addTo(set, this.start, this.#end);
    const hash = this.#hash();
    const first = this.#firsts.at(-1) ?? 0;
    for (let index = first; index < this.#count; index++) if (this.#isSame(index * WIDTH, hash)) return false;
    this.#keep(hash);
    if (this.#count - first > FEW) this.#makeSet(first);
    return true;
  }

  /** Whether the name that was read last is this one. */
  is(name: Uint8Array): boolean {
    const { start } = this;
    if (this.#end - start !== name.length) return false;
    for (let at = 0; at < name.length; at++) if (this.#bytes[start + at] !== name[at]) return false;
    return true;
  }

  #hash(): number {
    let hash = 0;
    for (let at = this.start; at < this.#end; at++) hash = (Math.imul(hash, 31) + (this.#bytes[at] ?? 0)) | 0;
    return hash;
  }

  #isSame(entry: number, hash: number): boolean {
    const [from = 0, to = 0] = [this.#table[entry], this.#table[entry + 1]];
    if (this.#table[entry + 2] !== hash || to - from !== this.#end - this.start) return false;
    for (let at = from, other = this.start; at < to; at++, other++)
      if (this.#bytes[at] !== this.#bytes[other]) return false;
    return true;
  }

  #keep(hash: number): void {
    const entry = this.#count * WIDTH;
    if (entry >= this.#table.length) {
      const larger = new Int32Array(2 * this.#table.length);
      larger.set(this.#table);
      this.#table = larger;
    }
    this.#table[entry] = this.start;
    this.#table[entry + 1] = this.#end;
    this.#table[entry + 2] = hash;
    this.#count++;
  }

  /** Names that were chosen to have one hash would be compared with all others: sets have hashes that nobody knows. */
  #makeSet(first: number): void {
    const set = new Set<string>();
    for (let index = first; index < this.#count; index++)
      this.#addTo(set, this.#table[index * WIDTH] ?? 0, this.#table[index * WIDTH + 1] ?? 0);
    this.#sets[this.#sets.length - 1] = set;
  }

  #addTo(set: Set<string>, from: number, to: number): boolean {
    let text = "";
    for (let at = from; at < to; at += CHARS_AT_ONCE)
      text += String.fromCharCode(...this.#bytes.subarray(at, Math.min(to, at + CHARS_AT_ONCE)));
    const size = set.size;
    return set.add(text).size > size;
  }
}

const SHORT: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: 10, 114: 13, 116: 9 };
const [BACKSLASH, U] = [0x5c, 0x75];

/** In place: what is written is never longer. @returns where it ends */
function unescapeIn(bytes: Uint8Array, from: number, to: number): number {
  let into = from;
  for (let at = from; at < to; at++) {
    const code = bytes[at] ?? 0;
    if (code !== BACKSLASH) {
      bytes[into++] = code;
      continue;
    }
    const kind = bytes[++at] ?? 0;
    if (kind !== U) {
      bytes[into++] = SHORT[kind] ?? kind;
      continue;
    }
    let unit = hexAt(bytes, at + 1);
    at += 4;
    if (unit >> 10 === 0x36 && bytes[at + 1] === BACKSLASH && bytes[at + 2] === U) {
      const low = hexAt(bytes, at + 3);
      if (low >> 10 === 0x37) {
        unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
        at += 6;
      }
    }
    into = writeCharacter(bytes, into, unit);
  }
  return into;
}

function hexAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = at; place < at + 4; place++) {
    const code = bytes[place] ?? 0;
    value = value * 16 + (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
  }
  return value;
}

function writeCharacter(bytes: Uint8Array, into: number, code: number): number {
  if (code < 0x80) {
    bytes[into] = code;
    return into + 1;
  }
  const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  bytes[into] = (LEADS[more] ?? 0) | (code >> (6 * more));
  for (let left = more - 1; left >= 0; left--) bytes[into + more - left] = 0x80 | ((code >> (6 * left)) & 0x3f);
  return into + more + 1;
}

/** First bytes of characters by how many follow (RFC 3629 section 3). */
const LEADS = [0, 0xc0, 0xe0, 0xf0];
