interface Planned {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** What happens when, in order of time; at one time in the order in which it was planned. */
export class EventQueue {
  nowMs = 0;
  readonly #heap: Planned[] = [];
  #planned = 0;

  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ atMs: Math.max(atMs, this.nowMs), order: this.#planned++, run });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Runs what is planned until a time, and what that plans. */
  runUntil(endMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#removeFirst();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    this.#swap(0, heap.length - 1);
    heap.pop();
    for (let parent = 0; ; ) {
      let least = parent;
      const child = 2 * parent + 1;
      if (child < heap.length && this.#before(child, least)) least = child;
      if (child + 1 < heap.length && this.#before(child + 1, least)) least = child + 1;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(a: number, b: number): boolean {
    const x = this.#heap[a] as Planned;
    const y = this.#heap[b] as Planned;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a] as Planned;
    this.#heap[a] = this.#heap[b] as Planned;
    this.#heap[b] = x;
  }
}

/** The same numbers for the same seed (mulberry32). @returns numbers from 0 up to but not 1 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
