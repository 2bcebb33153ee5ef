/** What a peer has cost without bringing anything. Debts shrink with time, and time is asked only when one is too high. */
export class FloodGuard {
  readonly #max: number;
  readonly #forgivenPerSecond: number;
  #debt = 0;
  #sinceMs: number;

  /** @param nowMs monotonic */
  constructor(max: number, forgivenPerSecond: number, nowMs: number) {
    this.#max = max;
    this.#forgivenPerSecond = forgivenPerSecond;
    this.#sinceMs = nowMs;
  }

  /** Counts one. @returns true: it is a flood */
  count(): boolean {
    if (++this.#debt <= this.#max) return false;
    const nowMs = performance.now();
    const forgiven = ((nowMs - this.#sinceMs) / 1_000) * this.#forgivenPerSecond;
    this.#sinceMs = nowMs;
    this.#debt = Math.max(0, this.#debt - forgiven);
    return this.#debt > this.#max;
  }

  /** Something was brought. */
  forgive(count = 1): void {
    this.#debt = Math.max(0, this.#debt - count);
  }
}
