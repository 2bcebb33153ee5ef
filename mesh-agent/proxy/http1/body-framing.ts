/** Bodies on their way in: where they end (RFC 9112 section 6) and the chunked coding (section 7.1). */
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import { CR, HEX, LF } from "./byte-class.ts";
import { FieldScan, INCOMPLETE, isCritical, MessageFault, REFUSED } from "./field-scanner.ts";
import type { InputBuffer } from "./input-buffer.ts";

export type Framing = "none" | "length" | "chunked" | "close";

const CHUNK_SIZE = 0;
const CHUNK_DATA = 1;
const CHUNK_END = 2;
const TRAILERS = 3;

/** Chunk extensions (section 7.1.1) are dropped, but only what follows the grammar without quotes is let by. */
const EXTENSIONS = /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?)+$/;
/** 2^48: far above any body, far below what a double holds exactly. */
const SIZE_DIGITS_MAX = 12;

const trailerScan = new FieldScan();

/** Pulls one body out of an `InputBuffer`, a slice at a time. */
export class BodyDecoder {
  /** The body is over; everything behind it in the buffer is not its own. */
  done: boolean;
  fault: MessageFault | undefined;
  trailers: FieldList | undefined;
  readonly #framing: Framing;
  /** Bytes of the body or of the current chunk that are still to come. */
  #left: number;
  #state = CHUNK_SIZE;

  constructor(framing: Framing, length: number) {
    this.#framing = framing;
    this.#left = framing === "close" ? Number.POSITIVE_INFINITY : length;
    this.done = framing === "none" || (framing === "length" && length === 0);
  }

  /** Bytes that will certainly still come. */
  get remaining(): number {
    return this.done ? 0 : this.#left;
  }

  /** It goes on, and nobody knows for how long. */
  get isOpenEnded(): boolean {
    return !this.done && this.#framing === "chunked";
  }

  /** The next slice of the body, or undefined: look at `done` and `fault`, otherwise more bytes are needed. */
  next(input: InputBuffer): Buffer | undefined {
    if (this.done || this.fault !== undefined) return undefined;
    if (this.#framing === "chunked") return this.#nextOfChunks(input);
    if (input.length === 0) return undefined;
    const slice = input.take(this.#left);
    this.#left -= slice.length;
    if (this.#left === 0) this.done = true;
    return slice;
  }

  /** The connection ended. @returns whether the body ends with it, rather than being cut short */
  endOfConnection(): boolean {
    if (this.#framing === "close") this.done = true;
    return this.done;
  }

  #nextOfChunks(input: InputBuffer): Buffer | undefined {
    while (input.length > 0) {
      if (this.#state === CHUNK_DATA) return this.#data(input);
      const going =
        this.#state === CHUNK_SIZE
          ? this.#size(input)
          : this.#state === CHUNK_END
            ? this.#chunkEnd(input)
            : this.#trailerSection(input);
      if (!going) return undefined;
    }
    return undefined;
  }

  #data(input: InputBuffer): Buffer {
    const slice = input.take(this.#left);
    this.#left -= slice.length;
    if (this.#left === 0) this.#state = CHUNK_END;
    return slice;
  }

  /** @returns false: stop, more bytes are needed or the body is refused */
  #size(input: InputBuffer): boolean {
    const { bytes, at, end } = input;
    let p = at;
    let size = 0;
    while (p < end && (HEX[bytes[p] as number] as number) >= 0) {
      size = size * 16 + (HEX[bytes[p] as number] as number);
      p++;
      if (p - at > SIZE_DIGITS_MAX) return this.#refuse("a chunk size has too many digits");
    }
    if (p === end) return false;
    if (p === at) return this.#refuse("a chunk size is not a hexadecimal number");
    if (bytes[p] === 0x3b) {
      const after = this.#skipExtensions(bytes, p, Math.min(end, at + limits.http.chunkLineBytesMax));
      if (after === p)
        return end - at >= limits.http.chunkLineBytesMax ? this.#refuse("a chunk line is too long") : false;
      if (after < 0) return this.#refuse("a chunk extension is malformed");
      p = after;
    }
    if (bytes[p] !== CR) return this.#refuse("a chunk line does not end in CRLF");
    if (p + 1 === end) return false;
    if (bytes[p + 1] !== LF) return this.#refuse("a bare CR stands in a chunk line");
    input.at = p + 2;
    this.#left = size;
    this.#state = size === 0 ? TRAILERS : CHUNK_DATA;
    return true;
  }

  /** @returns the position of the CR behind them, `from` when it has not come yet, -1 when they are malformed */
  #skipExtensions(bytes: Buffer, from: number, end: number): number {
    const at = bytes.indexOf(CR, from);
    if (at < 0 || at >= end) return from;
    return EXTENSIONS.test(bytes.toString("latin1", from, at)) ? at : -1;
  }

  #chunkEnd(input: InputBuffer): boolean {
    const { bytes, at } = input;
    if (bytes[at] !== CR) return this.#refuse("a chunk is longer than its size");
    if (input.length < 2) return false;
    if (bytes[at + 1] !== LF) return this.#refuse("a chunk does not end in CRLF");
    input.at = at + 2;
    this.#state = CHUNK_SIZE;
    return true;
  }

  #trailerSection(input: InputBuffer): boolean {
    const end = Math.min(input.end, input.at + limits.http.trailerBytesMax);
    const next = trailerScan.scan(input.bytes, input.at, end);
    if (next === REFUSED) {
      this.fault = trailerScan.fault;
      return false;
    }
    if (next === INCOMPLETE)
      return input.length >= limits.http.trailerBytesMax ? this.#refuse("the trailer section is too large") : false;
    if (next - input.at > 2) {
      const raw = trailerScan.toRaw(input.bytes.toString("latin1", input.at, next), input.at);
      for (let i = 0; i < raw.length; i += 2)
        if (isCritical((raw[i] as string).toLowerCase())) return this.#refuse(`a trailer is named ${raw[i]}`);
      if (trailerScan.touchesFraming) return this.#refuse("a trailer states the framing");
      this.trailers = FieldList.owning(raw);
    }
    input.at = next;
    if (input.length === 0) input.clear();
    this.done = true;
    return false;
  }

  #refuse(reason: string): false {
    this.fault = new MessageFault("ambiguous_framing", reason);
    return false;
  }
}
