/**
 * A clock that only goes forward, for what must end in time: it runs with the monotonic clock, which stands still while some
 * machines sleep, and catches up with the wall clock, which can be set back.
 */
export interface ElapsedClock {
  nowMs: number;
  monotonicMs: number;
  wallMs: number;
}

/** @param monotonicMs of any origin @param wallMs milliseconds since the epoch */
export function newElapsedClock(monotonicMs: number, wallMs: number): ElapsedClock {
  return { nowMs: wallMs, monotonicMs, wallMs };
}

/** @returns the time, milliseconds: as much later than the last one as the clock says that went on further */
export function readElapsed(clock: ElapsedClock, monotonicMs: number, wallMs: number): number {
  const passedMs = Math.max(0, monotonicMs - clock.monotonicMs, wallMs - clock.wallMs);
  clock.nowMs += passedMs;
  clock.monotonicMs = monotonicMs;
  clock.wallMs = wallMs;
  return clock.nowMs;
}
