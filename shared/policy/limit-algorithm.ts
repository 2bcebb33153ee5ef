/** What every way of counting can do. Times never go back: `rate-limit.ts` sees to that. */
export interface LimitAlgorithm<State> {
  /** Tokens that could be recorded now. Below 0 where more was settled than was reserved. */
  free(state: State, nowMs: number): number;
  /**
   * Counts tokens.
   * @param atMs when they were spent at the latest, not after now
   */
  record(state: State, atMs: number, tokens: number, nowMs: number): void;
  /**
   * Takes back what was recorded, or less where that cannot be told from what others spent.
   * @param atMs as given to `record`
   */
  refund(state: State, atMs: number, tokens: number, nowMs: number): void;
  /** Until so many tokens are free if nobody takes one; infinite where they never are. */
  freeInMs(state: State, tokens: number, nowMs: number): number;
  /** What is lent now must be spent before this. */
  endsAtMs(state: State, nowMs: number): number;
  /** From when on a state that nobody touches means the same as a new one. */
  forgottenAtMs(state: State): number;
}
