/**
 * Generic cell rate algorithm as a meter: what was admitted drains at `limit / windowMs`, at most `burst` may stand in it.
 * In any time w at most `burst + limit * w / windowMs` are admitted, and a client that keeps to that is never refused.
 * It is the token bucket seen from the other side: what is missing to `burst` are the tokens that lie in the bucket.
 * The level is counted in tokens times `windowMs`, so that all of it is whole numbers.
 *
 * Rate and burst may change: what has passed until then has drained at the rate before. What stands above a burst that was
 * lowered drains at the rate that let it in, and nobody is admitted meanwhile.
 */
import type { LimitAlgorithm } from "./limit-algorithm.ts";

export interface Gcra {
  readonly kind: "gcra";
  limit: number;
  readonly windowMs: number;
  burst: number;
  /** The rate at which drains what stands above the burst. */
  aboveLimit: number;
  /** The greatest rate since it was last empty. */
  fastestLimit: number;
  level: number;
  atMs: number;
}

export function newGcra(limit: number, windowMs: number, burst: number): Gcra {
  return { kind: "gcra", limit, windowMs, burst, aboveLimit: limit, fastestLimit: limit, level: 0, atMs: 0 };
}

/** Goes on with other numbers. */
export function changeGcra(state: Gcra, limit: number, burst: number, nowMs: number): void {
  drain(state, nowMs);
  const { level, windowMs } = state;
  const before = level > state.burst * windowMs ? Math.max(state.aboveLimit, state.limit) : state.limit;
  state.aboveLimit = level > burst * windowMs ? Math.max(before, limit) : limit;
  state.limit = limit;
  state.burst = burst;
  state.fastestLimit = level === 0 ? limit : Math.max(limit, state.fastestLimit);
}

export const gcra: LimitAlgorithm<Gcra> = {
  free(state, nowMs) {
    drain(state, nowMs);
    return Math.floor((state.burst * state.windowMs - state.level) / state.windowMs);
  },
  /** Begins to drain when the level was last looked at, if later: an empty level would give that time away twice. */
  record(state, atMs, tokens) {
    drain(state, atMs);
    state.level += tokens * state.windowMs;
  },
  /** What may have drained since is not there to be taken back: it would be taken from those that came later. */
  refund(state, atMs, tokens, nowMs) {
    drain(state, nowMs);
    const left = Math.max(0, tokens * state.windowMs - (nowMs - atMs) * state.fastestLimit);
    state.level = Math.max(0, state.level - left);
  },
  freeInMs(state, tokens, nowMs) {
    drain(state, nowMs);
    const { burst, windowMs } = state;
    return tokens > burst ? Number.POSITIVE_INFINITY : drainMs(state, (burst - tokens) * windowMs);
  },
  endsAtMs: () => Number.POSITIVE_INFINITY,
  forgottenAtMs: (state) => state.atMs + drainMs(state, 0),
};

function drain(state: Gcra, nowMs: number): void {
  if (nowMs <= state.atMs) return;
  const full = state.burst * state.windowMs;
  let passedMs = nowMs - state.atMs;
  if (state.level > full) {
    const aboveMs = Math.min(passedMs, Math.ceil((state.level - full) / state.aboveLimit));
    state.level = Math.max(full, state.level - aboveMs * state.aboveLimit);
    passedMs -= aboveMs;
  }
  state.level = Math.max(0, state.level - passedMs * state.limit);
  state.atMs = nowMs;
  if (state.level === 0) state.fastestLimit = state.limit;
}

/** How long it takes to a level that is no higher than the burst. */
function drainMs({ level, burst, windowMs, limit, aboveLimit }: Gcra, to: number): number {
  const full = burst * windowMs;
  const aboveMs = Math.max(0, Math.ceil((level - full) / aboveLimit));
  return aboveMs + Math.max(0, Math.ceil((Math.min(level, full) - to) / limit));
}
