/**
 * Generic cell rate algorithm as a meter: what was admitted drains at `limit / windowMs`, at most `burst` may stand in it.
 * In any time w at most `burst + limit * w / windowMs` are admitted, and a client that keeps to that is never refused.
 * It is the token bucket seen from the other side: what is missing to `burst` are the tokens that lie in the bucket.
 * The level is counted in tokens times `windowMs`, so that all of it is whole numbers.
 */
import type { LimitAlgorithm } from "./limit-algorithm.ts";

export interface Gcra {
  readonly kind: "gcra";
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  level: number;
  atMs: number;
}

export function newGcra(limit: number, windowMs: number, burst: number): Gcra {
  return { kind: "gcra", limit, windowMs, burst, level: 0, atMs: 0 };
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
    const left = Math.max(0, tokens * state.windowMs - (nowMs - atMs) * state.limit);
    state.level = Math.max(0, state.level - left);
  },
  freeInMs(state, tokens, nowMs) {
    drain(state, nowMs);
    const { burst, windowMs, limit, level } = state;
    if (tokens > burst) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.ceil((level - (burst - tokens) * windowMs) / limit));
  },
  endsAtMs: () => Number.POSITIVE_INFINITY,
  forgottenAtMs: ({ atMs, level, limit }) => atMs + Math.ceil(level / limit),
};

function drain(state: Gcra, nowMs: number): void {
  if (nowMs <= state.atMs) return;
  state.level = Math.max(0, state.level - (nowMs - state.atMs) * state.limit);
  state.atMs = nowMs;
}
