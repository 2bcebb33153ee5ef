/** The one alarm of an object that has many reasons to wake up. */
export class NextAlarm {
  readonly #ctx: DurableObjectState;
  readonly #nextDue: () => number;
  /** When it is set for; undefined: not known since the object woke up or the alarm went off. */
  #atMs: number | undefined;

  /** @param nextDue when the first of all reasons is due, in milliseconds since the epoch; absent: `by` is told each time */
  constructor(ctx: DurableObjectState, nextDue: () => number = () => Number.POSITIVE_INFINITY) {
    this.#ctx = ctx;
    this.#nextDue = nextDue;
  }

  /** It goes off: what it was set for is over. */
  rang(): void {
    this.#atMs = undefined;
  }

  /** Sees to it that it goes off at `atMs` or before. */
  by(atMs: number): void {
    const next = this.#atMs === undefined ? Math.min(atMs, this.#nextDue()) : atMs;
    if (next >= (this.#atMs ?? Number.POSITIVE_INFINITY)) return;
    this.#atMs = next;
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(next));
  }
}
