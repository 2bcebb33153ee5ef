const EMPTY = Buffer.alloc(0);

/**
 * Bytes that have arrived and are not used up yet. A chunk that comes while nothing is held is kept as it is; only what
 * comes on top is copied, into a buffer that doubles. Bytes handed out are never written again, so slices stay valid.
 */
export class InputBuffer {
  bytes: Buffer = EMPTY;
  /** First byte that is not used up. */
  at = 0;
  end = 0;
  #owned = false;

  get length(): number {
    return this.end - this.at;
  }

  append(chunk: Buffer): void {
    if (this.at === this.end) {
      this.bytes = chunk;
      this.at = 0;
      this.end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.bytes.length - this.end < chunk.length) this.#grow(chunk.length);
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  #grow(more: number): void {
    const held = this.length;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * (held + more), 1_024));
    this.bytes.copy(larger, 0, this.at, this.end);
    this.bytes = larger;
    this.at = 0;
    this.end = held;
    this.#owned = true;
  }

  /** Up to `max` bytes as one slice, used up. */
  take(max: number): Buffer {
    const from = this.at;
    const to = Math.min(this.end, from + max);
    this.at = to;
    const all = from === 0 && to === this.bytes.length;
    const slice = all ? this.bytes : this.bytes.subarray(from, to);
    if (to === this.end) this.clear();
    return slice;
  }

  clear(): void {
    this.bytes = EMPTY;
    this.at = 0;
    this.end = 0;
    this.#owned = false;
  }
}
