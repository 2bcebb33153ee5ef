/** Output that is taken piece by piece, of which a part may wait until it is known whether it stays. */

const FIRST_BYTES = 4_096;
/** Shorter ones are copied byte by byte at less cost. */
const SHORT_BYTES = 24;

export class HeldOutput {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;
  /** Bytes that were taken before. */
  #taken = 0;

  /** All that was written, in bytes from the beginning. */
  get end(): number {
    return this.#taken + this.#length;
  }

  get waiting(): number {
    return this.#length;
  }

  byte(code: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = code;
  }

  write(bytes: Uint8Array): void {
    this.copy(bytes, 0, bytes.length);
  }

  copy(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from;
    if (this.#length + count > this.#bytes.length) this.#grow(count);
    if (count > SHORT_BYTES) this.#bytes.set(bytes.subarray(from, to), this.#length);
    else for (let at = from, into = this.#length; at < to; at++, into++) this.#bytes[into] = bytes[at] ?? 0;
    this.#length += count;
  }

  byteAt(place: number): number | undefined {
    return place < this.end ? this.#bytes[place - this.#taken] : undefined;
  }

  /** What stands from one place to another goes. */
  cut(from: number, to: number): void {
    this.#bytes.copyWithin(from - this.#taken, to - this.#taken, this.#length);
    this.#length -= to - from;
  }

  /** What was written before a place. */
  take(before: number): Uint8Array<ArrayBuffer> {
    const count = before - this.#taken;
    const taken = this.#bytes.slice(0, count);
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#taken = before;
    return taken;
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
