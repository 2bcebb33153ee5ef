/**
 * Which entries of a bounded memory go when it is full: SIEVE (Zhang et al., NSDI 2024). A hand walks from the oldest entry to
 * the newest; what was used since it came by last is spared once, the rest goes. A hit writes one boolean, and a flood of
 * entries that nobody asks for twice pushes out itself.
 */

export interface SieveEntry {
  readonly bytes: number;
  /** Set by whoever uses the entry. */
  isUsed: boolean;
}

export class Sieve<Entry extends SieveEntry> {
  readonly #entries = new Set<Entry>();
  readonly #bytesMax: number;
  #bytes = 0;
  #hand: Iterator<Entry>;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#hand = this.#entries.values();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Takes an entry, and room for it from others.
   * @param evicted is told of each that goes
   * @returns false: it alone is larger than the bound, and nothing has changed
   */
  add(entry: Entry, evicted: (entry: Entry) => void): boolean {
    if (entry.bytes > this.#bytesMax) return false;
    while (this.#bytes + entry.bytes > this.#bytesMax) {
      const next = this.#next();
      if (next.isUsed) next.isUsed = false;
      else {
        this.delete(next);
        evicted(next);
      }
    }
    this.#entries.add(entry);
    this.#bytes += entry.bytes;
    return true;
  }

  delete(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#bytes -= entry.bytes;
  }

  /** The entry at the hand, which moves on; there is one whenever there are bytes. */
  #next(): Entry {
    for (;;) {
      const { done, value } = this.#hand.next();
      if (done !== true) return value;
      this.#hand = this.#entries.values();
    }
  }
}
