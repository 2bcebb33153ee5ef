/**
 * Streams by their number. Not a Map: those that change all the time leave behind tables that lead from one to the next,
 * which keeps streams in memory that are long over.
 */
import type { Http2Stream } from "./stream.ts";

const SLOTS_MIN = 16;

export class StreamTable {
  size = 0;
  /** Open addressing: a stream is in its slot or in one of those behind it, without a gap. */
  #slots: (Http2Stream | undefined)[] = new Array(SLOTS_MIN).fill(undefined);
  #mask = SLOTS_MIN - 1;

  get(id: number): Http2Stream | undefined {
    for (let at = (id >> 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const stream = this.#slots[at];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** @param stream has its number, which no other here has */
  add(stream: Http2Stream): void {
    if (++this.size * 2 > this.#slots.length) this.#grow();
    this.#put(stream);
  }

  #put(stream: Http2Stream): void {
    let at = (stream.id >> 1) & this.#mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & this.#mask;
    this.#slots[at] = stream;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Array(before.length * 2).fill(undefined);
    this.#mask = this.#slots.length - 1;
    for (const stream of before) if (stream !== undefined) this.#put(stream);
  }

  /** @returns whether it was there */
  delete(id: number): boolean {
    let at = (id >> 1) & this.#mask;
    for (; this.#slots[at]?.id !== id; at = (at + 1) & this.#mask) if (this.#slots[at] === undefined) return false;
    this.#slots[at] = undefined;
    this.size--;
    // Those behind it move up, so that no gap hides them.
    for (let next = (at + 1) & this.#mask; ; next = (next + 1) & this.#mask) {
      const stream = this.#slots[next];
      if (stream === undefined) return true;
      this.#slots[next] = undefined;
      this.#put(stream);
    }
  }

  values(): Http2Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.size = 0;
  }
}
