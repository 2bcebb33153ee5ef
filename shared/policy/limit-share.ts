/**
 * What one instance lets through of a limit while nobody counts for all: its part of the limit, by the number of instances that
 * are known. What all of them had used before it began counts, as far as it was heard; what passes by a share is told when
 * somebody counts again.
 */
import { limiterFor } from "./change-limiter.ts";
import {
  algorithmOf,
  availableOf,
  capacityOf,
  countingOf,
  type LimiterSettings,
  type LimiterState,
  type LimitVerdict,
  newLimiter,
} from "./limiter-state.ts";
import { askLimiter, refundLimiter } from "./rate-limit.ts";

export interface LimitShare {
  limiter: LimiterState;
  /** Calls that passed by it, when the last one did, and how many of them were told. */
  passed: number;
  passedAtMs: number;
  told: number;
}

/** What an answer said last of a limit: what was left for everybody, and when; milliseconds since the epoch, 0: nothing was said. */
export interface LastLeft {
  readonly remaining: number;
  readonly atMs: number;
}

/** At least one call: an instance that may let none through serves nobody. */
export function shareSettings(settings: LimiterSettings, instances: number): LimiterSettings {
  const part = (whole: number): number => Math.max(1, Math.floor(whole / Math.max(1, instances)));
  const { limit, burst } = settings;
  return { ...countingOf(settings), limit: part(limit), ...(burst !== undefined && { burst: part(burst) }) };
}

/** @param nowMs milliseconds since the epoch */
export function newShare(settings: LimiterSettings, instances: number, left: LastLeft, nowMs: number): LimitShare {
  const own = shareSettings(settings, instances);
  const limiter = newLimiter(own);
  if (left.atMs > 0) {
    const used = capacityOf(own) - Math.floor(left.remaining / Math.max(1, instances));
    // A share of at least one call is no reason to let one through where nothing was left.
    if (used > 0) algorithmOf(limiter.history).record(limiter.history, Math.min(left.atMs, nowMs), used, nowMs);
  }
  return { limiter, passed: 0, passedAtMs: 0, told: 0 };
}

/** One call. @param nowMs milliseconds since the epoch */
export function takeShare(
  share: LimitShare,
  settings: LimiterSettings,
  instances: number,
  nowMs: number,
): LimitVerdict {
  share.limiter = limiterFor(share.limiter, shareSettings(settings, instances), nowMs);
  const { answer } = askLimiter(share.limiter, ONE, nowMs);
  if (answer.admitted) {
    share.passed++;
    share.passedAtMs = nowMs;
  }
  return answer;
}

const ONE = { cost: 1, more: 0 };

/** A call that passed by it did not go on. @param atMs when it passed, milliseconds since the epoch */
export function giveBackShare(share: LimitShare, atMs: number, nowMs: number): void {
  if (share.passed === share.told) return;
  share.passed--;
  refundLimiter(share.limiter, atMs, 1, nowMs);
}

/**
 * What whoever counts for all has to hear: the first time what counts yet of all that passed, then what came since.
 * @returns calls, and how long ago the last of them was, milliseconds
 */
export function tellShare(share: LimitShare, nowMs: number): { calls: number; sinceMs: number } {
  const { limiter, passed, told, passedAtMs } = share;
  const counted = capacityOf(limiter.settings) - availableOf(limiter, nowMs);
  const calls = Math.max(0, Math.min(passed - told, told === 0 ? Math.ceil(counted) : Number.POSITIVE_INFINITY));
  share.told = passed;
  return { calls, sinceMs: Math.max(0, nowMs - passedAtMs) };
}

/** Whether all of it was told. */
export const isTold = ({ passed, told }: LimitShare): boolean => passed === told;
