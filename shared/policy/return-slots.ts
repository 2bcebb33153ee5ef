/**
 * When agents may come back whose connections went with their hub. All of them notice in the same moment; each is given a time,
 * in the order in which they ask, so that a hub with many takes them at an even rate. Their endpoints stay meanwhile.
 */

export interface ReturnSettings {
  /** All that a hub knows are back after this. */
  readonly returnSpreadMs: number;
  /** Between two of them at most: a few need not take that long. */
  readonly returnGapMaxMs: number;
  /** Whoever would wait for less is welcome at once. */
  readonly returnAtOnceMs: number;
  /** By how much one may come before its time. */
  readonly returnEarlyMs: number;
}

/** Who waits for its time. */
export interface Returning {
  /** Milliseconds since the epoch; 0: it has not asked. Absent: it may come whenever it wants. */
  returnsAtMs?: number;
}

/**
 * One asks to come back; whoever asks before its time, as agents do that know of none, is told the same time again.
 * @param slots whose `nextReturnAtMs` is the first time that nobody has
 * @param size of those that the hub knows
 * @returns how long it is to wait, at most `returnSpreadMs`; 0: it is welcome
 */
export function returnWaitMs(
  slots: { nextReturnAtMs: number },
  one: Returning,
  size: number,
  nowMs: number,
  settings: ReturnSettings,
): number {
  if (one.returnsAtMs === undefined) return 0;
  if (one.returnsAtMs > 0) return bounded(one.returnsAtMs - nowMs, settings.returnEarlyMs, settings);
  const isAhead = slots.nextReturnAtMs - nowMs > settings.returnSpreadMs;
  one.returnsAtMs = isAhead ? nowMs : Math.max(slots.nextReturnAtMs, nowMs);
  slots.nextReturnAtMs = one.returnsAtMs + Math.min(settings.returnGapMaxMs, settings.returnSpreadMs / size);
  return bounded(one.returnsAtMs - nowMs, settings.returnAtOnceMs, settings);
}

/** A time beyond the spread was given by a clock that has been set back since. */
function bounded(waitMs: number, atOnceMs: number, { returnSpreadMs }: ReturnSettings): number {
  return waitMs <= atOnceMs || waitMs > returnSpreadMs ? 0 : waitMs;
}
