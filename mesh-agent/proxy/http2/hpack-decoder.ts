/**
 * Header blocks of a peer (RFC 7541). What a block says is checked as bytes, as strictly as HTTP/1.1 fields are; what breaks
 * the coding ends the connection, since its state is lost then (RFC 9113 section 4.3).
 */
import { limits } from "../../../shared/limits.ts";
import { COLON, SPACE, TAB, TOKEN, VALUE } from "../http1/byte-class.ts";
import { FieldBlock } from "./field-block.ts";
import { decodeHuffman } from "./hpack-huffman.ts";
import { STATIC_ENTRIES, STATIC_TABLE } from "./hpack-static-table.ts";
import { DEFAULT_TABLE_BYTES } from "./protocol.ts";

/** Names in HTTP/2 are tokens in lower case, RFC 9113 section 8.2.1. */
const NAME = TOKEN.slice();
NAME.fill(0, 0x41, 0x5b);

/** What an entry costs beyond its bytes, RFC 7541 section 4.1. */
const ENTRY_OVERHEAD = 32;
/** Larger integers mean nothing here; bounding them bounds their encoding too. */
const INTEGER_MAX = 0x0fffffff;
const UPDATES_MAX = 2;

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly bytes: number;
  readonly fault: string | undefined;
}

/** Blocks mean the same on every connection whose peer has no dynamic table. */
const remembered = new Map<string, FieldBlock>();
/** A connection whose blocks are all different does not look again for so many blocks. */
const FRUITLESS_MAX = 64;
const FRUITLESS_PAUSE = 4_096;

let scratch: Buffer | undefined;

export class HpackDecoder {
  /** Why `decode` gave nothing. */
  error = "";
  /** Newest last. */
  readonly #entries: Entry[] = [];
  #tableBytes = 0;
  /** What the peer has chosen, and the most that it may choose. */
  #tableSize = DEFAULT_TABLE_BYTES;
  #tableSizeMax = DEFAULT_TABLE_BYTES;
  #fruitless = 0;
  /** Blocks that mean the same for as long as the dynamic table stays as it is. */
  #ownRemembered: Map<string, FieldBlock> | undefined;
  /** The table is not what it was before the block in work. */
  #hasChanged = false;
  /** Of the block in work. */
  #bytes: Buffer = Buffer.alloc(0);
  #text = "";
  #base = 0;
  #at = 0;
  #end = 0;
  #raw: string[] = [];
  #listBytes = 0;
  #keptBytes = 0;
  #fields = 0;
  #fault: string | undefined;
  /** Of the string in work: where its bytes are. */
  #source: Buffer = this.#bytes;
  #from = 0;
  #to = 0;

  /** Entries of the dynamic table. */
  get tableEntries(): number {
    return this.#entries.length;
  }

  /** The peer has acknowledged this HEADER_TABLE_SIZE; a peer that does not say so itself is held to it all the same. */
  limitTable(bytes: number): void {
    this.#tableSizeMax = bytes;
    this.#ownRemembered?.clear();
    this.#resize(Math.min(this.#tableSize, bytes));
  }

  /**
   * Decodes one whole block. The result is shared: it must not be changed.
   * @returns undefined: the coding is broken (COMPRESSION_ERROR); see `error`
   */
  decode(bytes: Buffer, from: number, to: number): FieldBlock | undefined {
    const text = bytes.toString("latin1", from, to);
    const hadTable = this.#tableSize > 0;
    const looks = to - from <= limits.http2.rememberedBlockBytesMax && this.#looksUp();
    if (looks) {
      const known = (hadTable ? this.#ownRemembered : remembered)?.get(text);
      if (known !== undefined) {
        this.#fruitless = Math.max(0, this.#fruitless - 4);
        return known;
      }
    }
    this.#start(bytes, text, from, to);
    if (!this.#run()) return undefined;
    const tooLarge = this.#listBytes > limits.http.headBytesMax || this.#fields > limits.http.headFieldsMax;
    const block = new FieldBlock(this.#raw, this.#fault, tooLarge);
    if (this.#hasChanged) this.#ownRemembered?.clear();
    else if (looks && !tooLarge) this.#remember(text, block, hadTable);
    return block;
  }

  #looksUp(): boolean {
    if (this.#fruitless < FRUITLESS_MAX) return true;
    if (++this.#fruitless > FRUITLESS_MAX + FRUITLESS_PAUSE) this.#fruitless = 0;
    return false;
  }

  #remember(text: string, block: FieldBlock, hadTable: boolean): void {
    const { rememberedBlocksMax, rememberedBlocksPerConnectionMax } = limits.http2;
    this.#fruitless++;
    if (hadTable) this.#ownRemembered ??= new Map();
    const known = (hadTable ? this.#ownRemembered : undefined) ?? remembered;
    if (known.size >= (hadTable ? rememberedBlocksPerConnectionMax : rememberedBlocksMax)) known.clear();
    known.set(text, block);
  }

  #start(bytes: Buffer, text: string, from: number, to: number): void {
    this.#bytes = bytes;
    this.#text = text;
    this.#base = from;
    this.#at = from;
    this.#end = to;
    this.#raw = [];
    this.#listBytes = 0;
    this.#keptBytes = 0;
    this.#fields = 0;
    this.#fault = undefined;
    this.#hasChanged = false;
  }

  #fail(error: string): false {
    this.error = error;
    return false;
  }

  #run(): boolean {
    let updates = 0;
    let fields = 0;
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at] as number;
      if ((byte & 0xe0) === 0x20) {
        if (fields > 0 || ++updates > UPDATES_MAX) return this.#fail("a table size update does not start its block");
        if (!this.#sizeUpdate()) return false;
        continue;
      }
      fields++;
      if (!((byte & 0x80) !== 0 ? this.#indexed() : this.#literal(byte))) return false;
    }
    return true;
  }

  /** Section 6.1. */
  #indexed(): boolean {
    const index = this.#integer(7);
    if (index < 0) return false;
    if (index === 0) return this.#fail("index 0");
    if (index <= STATIC_ENTRIES) {
      const at = (index - 1) * 2;
      this.#push(STATIC_TABLE[at] as string, STATIC_TABLE[at + 1] as string, undefined);
      return true;
    }
    const entry = this.#entries[this.#entries.length - (index - STATIC_ENTRIES)];
    if (entry === undefined) return this.#fail(`index ${index} is not in the table`);
    this.#push(entry.name, entry.value, entry.fault);
    return true;
  }

  /** Section 6.2. */
  #literal(byte: number): boolean {
    const keeps = (byte & 0x40) !== 0;
    const index = this.#integer(keeps ? 6 : 4);
    if (index < 0) return false;
    let name: string;
    let fault: string | undefined;
    if (index === 0) {
      if (!this.#string()) return false;
      fault = nameFault(this.#source, this.#from, this.#to);
      name = this.#stringText(keeps);
    } else if (index <= STATIC_ENTRIES) name = STATIC_TABLE[(index - 1) * 2] as string;
    else {
      const entry = this.#entries[this.#entries.length - (index - STATIC_ENTRIES)];
      if (entry === undefined) return this.#fail(`index ${index} is not in the table`);
      ({ name } = entry);
      fault = nameFault(Buffer.from(name, "latin1"), 0, name.length);
    }
    if (!this.#string()) return false;
    fault ??= valueFault(this.#source, this.#from, this.#to);
    const value = this.#stringText(keeps);
    this.#push(name, value, fault);
    if (keeps) this.#insert({ name, value, bytes: name.length + value.length + ENTRY_OVERHEAD, fault });
    return true;
  }

  #push(name: string, value: string, fault: string | undefined): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD;
    this.#listBytes += bytes;
    this.#fields++;
    // What is over the bound is counted and not kept; what fits beside it says how to answer.
    if (this.#keptBytes + bytes > limits.http.headBytesMax || this.#fields > limits.http.headFieldsMax) return;
    this.#keptBytes += bytes;
    this.#fault ??= fault;
    this.#raw.push(name, value);
  }

  /** Section 6.3. */
  #sizeUpdate(): boolean {
    const size = this.#integer(5);
    if (size < 0) return false;
    if (size > this.#tableSizeMax) return this.#fail(`a table of ${size} bytes is larger than allowed`);
    this.#hasChanged = true;
    this.#resize(size);
    return true;
  }

  #resize(size: number): void {
    this.#tableSize = size;
    this.#evict(size);
  }

  #evict(room: number): void {
    let gone = 0;
    while (this.#tableBytes > room) this.#tableBytes -= (this.#entries[gone++] as Entry).bytes;
    if (gone > 0) this.#entries.splice(0, gone);
  }

  /** Section 4.4: an entry larger than the table empties it. */
  #insert(entry: Entry): void {
    if (this.#tableSize === 0) return;
    this.#hasChanged = true;
    this.#evict(Math.max(0, this.#tableSize - entry.bytes));
    if (entry.bytes > this.#tableSize) return;
    this.#entries.push(entry);
    this.#tableBytes += entry.bytes;
  }

  /** Section 5.1. @returns -1: broken */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; this.#at < this.#end; shift += 7) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > INTEGER_MAX || shift > 28) break;
      if ((byte & 0x80) === 0) return value;
    }
    this.#fail("an integer is too large or not complete");
    return -1;
  }

  /** Section 5.2: leaves where the string's bytes are. */
  #string(): boolean {
    if (this.#at >= this.#end) return this.#fail("a string is missing");
    const huffman = ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(7);
    if (length < 0) return false;
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) return this.#fail("a string is longer than its block");
    this.#at = to;
    if (!huffman) {
      this.#source = this.#bytes;
      this.#from = from;
      this.#to = to;
      return true;
    }
    const room = Math.ceil((Math.max(length, limits.http.headBytesMax) * 8) / 5) + 8;
    if (scratch === undefined || scratch.length < room) scratch = Buffer.allocUnsafeSlow(room);
    const end = decodeHuffman(this.#bytes, from, to, scratch, 0);
    if (end < 0) return this.#fail("a string is not in the Huffman code");
    this.#source = scratch;
    this.#from = 0;
    this.#to = end;
    return true;
  }

  /** @param own not cut from the text of the block, which it would keep in memory */
  #stringText(own: boolean): string {
    if (own || this.#source !== this.#bytes) return this.#source.toString("latin1", this.#from, this.#to);
    return this.#text.substring(this.#from - this.#base, this.#to - this.#base);
  }
}

function nameFault(bytes: Buffer, from: number, to: number): string | undefined {
  let p = bytes[from] === COLON ? from + 1 : from;
  if (p >= to) return "a field name is empty";
  while (p < to && NAME[bytes[p] as number] === 1) p++;
  return p === to ? undefined : "a field name is not a token in lower case";
}

function valueFault(bytes: Buffer, from: number, to: number): string | undefined {
  if (from === to) return undefined;
  const first = bytes[from] as number;
  const last = bytes[to - 1] as number;
  if (first === SPACE || first === TAB || last === SPACE || last === TAB)
    return "a field value starts or ends with a space";
  let p = from;
  while (p < to && VALUE[bytes[p] as number] === 1) p++;
  return p === to ? undefined : "a field value holds a control character";
}
