/** A line that would be written for each of many requests is written seldom, and says for how many it stands. */

export interface Seldom {
  /** When it was written last; 0: never. */
  atMs: number;
  /** Since then. */
  count: number;
}

export const newSeldom = (): Seldom => ({ atMs: 0, count: 0 });

/** Counts one more. @returns for how many the line that is to be written now stands; 0: none is */
export function stepSeldom(state: Seldom, nowMs: number, everyMs: number): number {
  state.count++;
  const age = nowMs - state.atMs;
  if (state.atMs !== 0 && age >= 0 && age < everyMs) return 0;
  const { count } = state;
  state.atMs = nowMs;
  state.count = 0;
  return count;
}
