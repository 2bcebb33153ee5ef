/**
 * Many deadlines, one timer: a hashed wheel of intrusive lists. Setting, moving and taking away a deadline costs no allocation and no
 * timer; the one timer sleeps until a deadline is near, so an agent without overdue requests is not woken for them.
 */

export interface Watched {
  /** `performance.now()` after which `onDeadline` is called; set by `arm`. */
  deadlineMs: number;
  onDeadline(): void;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
}

/** Ticks of one turn of the wheel; deadlines further off stay where they are for more turns. */
const SLOTS = 2_048;

export class DeadlineWatch {
  readonly #tickMs: number;
  /** First of those whose tick is this slot's, in whichever turn. */
  readonly #slots: (Watched | undefined)[] = Array(SLOTS).fill(undefined);
  #armed = 0;
  /** Up to and with it all is done. */
  #passed = 0;
  #wakeTick = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param tickMs how late a deadline may be noticed */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** Deadlines that are set. */
  get armed(): number {
    return this.#armed;
  }

  /** Sets or moves a deadline. @param afterMs Infinity: there is none */
  arm(item: Watched, afterMs: number): void {
    if (afterMs === Number.POSITIVE_INFINITY) {
      this.disarm(item);
      item.deadlineMs = afterMs;
      return;
    }
    const nowMs = performance.now();
    if (item.watchedBy === this) this.#unlink(item);
    else {
      item.watchedBy = this;
      this.#armed++;
    }
    item.deadlineMs = nowMs + Math.max(0, afterMs);
    this.#link(item);
    const tick = this.#tickOf(item);
    if (tick < this.#wakeTick) this.#wakeAt(tick, nowMs);
  }

  disarm(item: Watched): void {
    if (item.watchedBy !== this) return;
    item.watchedBy = undefined;
    this.#armed--;
    this.#unlink(item);
  }

  /** The first tick at which it is certainly over. */
  #tickOf({ deadlineMs }: Watched): number {
    return Math.floor(deadlineMs / this.#tickMs) + 1;
  }

  #link(item: Watched): void {
    const slot = this.#tickOf(item) % SLOTS;
    const first = this.#slots[slot];
    item.watchNext = first;
    item.watchPrevious = undefined;
    if (first !== undefined) first.watchPrevious = item;
    this.#slots[slot] = item;
  }

  #unlink(item: Watched): void {
    const { watchNext, watchPrevious } = item;
    if (watchPrevious === undefined) this.#slots[this.#tickOf(item) % SLOTS] = watchNext;
    else watchPrevious.watchNext = watchNext;
    if (watchNext !== undefined) watchNext.watchPrevious = watchPrevious;
    item.watchNext = undefined;
    item.watchPrevious = undefined;
  }

  #wakeAt(tick: number, nowMs: number): void {
    clearTimeout(this.#timer);
    this.#wakeTick = tick;
    this.#timer = setTimeout(() => this.#wake(), Math.max(1, tick * this.#tickMs - nowMs));
    this.#timer.unref();
  }

  #wake(): void {
    this.#timer = undefined;
    this.#wakeTick = Number.POSITIVE_INFINITY;
    const nowTick = Math.floor(performance.now() / this.#tickMs);
    for (const item of this.#due(nowTick)) {
      // One that is done may have taken away or moved another.
      if (item.watchedBy !== this || this.#tickOf(item) > nowTick) continue;
      this.disarm(item);
      item.onDeadline();
    }
    if (this.#armed === 0) return;
    const next = this.#nextTick(nowTick);
    if (next < this.#wakeTick) this.#wakeAt(next, performance.now());
  }

  #due(nowTick: number): Watched[] {
    const due: Watched[] = [];
    for (let tick = Math.max(this.#passed + 1, nowTick - SLOTS + 1); tick <= nowTick; tick++)
      for (let item = this.#slots[tick % SLOTS]; item !== undefined; item = item.watchNext)
        if (this.#tickOf(item) <= nowTick) due.push(item);
    this.#passed = nowTick;
    return due;
  }

  /** When the next deadline is over, or one turn from now. */
  #nextTick(nowTick: number): number {
    for (let tick = nowTick + 1; tick < nowTick + SLOTS; tick++)
      for (let item = this.#slots[tick % SLOTS]; item !== undefined; item = item.watchNext)
        if (this.#tickOf(item) === tick) return tick;
    return nowTick + SLOTS;
  }
}

/** For requests. */
export const requestDeadlines = new DeadlineWatch(10);
/** For connections and bodies. */
export const connectionDeadlines = new DeadlineWatch(250);
/** For short waits within a request. */
export const shortWaits = new DeadlineWatch(1);
