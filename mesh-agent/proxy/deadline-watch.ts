/** Many deadlines, one timer: an intrusive list that is looked through every tick. Arming costs no allocation. */

export interface Watched {
  /** `performance.now()` at which `onDeadline` is called; undefined: none. */
  deadlineMs: number;
  onDeadline(): void;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
}

export class DeadlineWatch {
  readonly #tickMs: number;
  #first: Watched | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param tickMs how late a deadline may be noticed */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** Sets or moves a deadline. */
  arm(item: Watched, afterMs: number): void {
    item.deadlineMs = performance.now() + afterMs;
    if (item.watchedBy === this) return;
    item.watchedBy = this;
    item.watchNext = this.#first;
    item.watchPrevious = undefined;
    if (this.#first !== undefined) this.#first.watchPrevious = item;
    this.#first = item;
    if (this.#timer === undefined) this.#schedule();
  }

  disarm(item: Watched): void {
    if (item.watchedBy !== this) return;
    item.watchedBy = undefined;
    if (item.watchPrevious === undefined) this.#first = item.watchNext;
    else item.watchPrevious.watchNext = item.watchNext;
    if (item.watchNext !== undefined) item.watchNext.watchPrevious = item.watchPrevious;
    item.watchNext = undefined;
    item.watchPrevious = undefined;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#tick(), this.#tickMs);
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const due: Watched[] = [];
    for (let item = this.#first; item !== undefined; item = item.watchNext)
      if (item.deadlineMs <= nowMs) due.push(item);
    for (const item of due) {
      if (item.watchedBy !== this || item.deadlineMs > nowMs) continue;
      this.disarm(item);
      item.onDeadline();
    }
    if (this.#first !== undefined) this.#schedule();
  }
}

/** For requests. */
export const requestDeadlines = new DeadlineWatch(10);
/** For connections. */
export const connectionDeadlines = new DeadlineWatch(250);
