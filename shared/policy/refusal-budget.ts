/** How many refused calls are written down: so many at once, then so many an hour. The rest is counted and told with the next. */
import { type Gcra, gcra, newGcra } from "./gcra.ts";

/** Plain and serialisable. */
export interface RefusalBudget {
  readonly meter: Gcra;
  /** Refused since the last that was written. */
  unwritten: number;
}

export function newRefusalBudget(atOnce: number, perHour: number): RefusalBudget {
  return { meter: newGcra(perHour, 3_600_000, atOnce), unwritten: 0 };
}

/**
 * Takes note of a refused call.
 * @param before others that the teller did not pass on
 * @returns how many were not written before this one; undefined: this one is not either
 */
export function takeRefusal(state: RefusalBudget, before: number, nowMs: number): number | undefined {
  state.unwritten += before;
  if (gcra.free(state.meter, nowMs) < 1) {
    state.unwritten++;
    return undefined;
  }
  gcra.record(state.meter, nowMs, 1, nowMs);
  const { unwritten } = state;
  state.unwritten = 0;
  return unwritten;
}
