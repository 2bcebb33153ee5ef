/**
 * Fixed windows: at most `limit` in each, whatever came before it, so up to twice the limit around a border. Windows of
 * `windowMs` follow each other from 1970-01-01T00:00:00Z on, those of a month from its first day, UTC.
 */
import type { LimitAlgorithm } from "./limit-algorithm.ts";

export interface FixedWindow {
  readonly kind: "fixed";
  limit: number;
  readonly windowMs: number | "month";
  fromMs: number;
  untilMs: number;
  used: number;
}

export function newFixedWindow(limit: number, windowMs: number | "month"): FixedWindow {
  return { kind: "fixed", limit, windowMs, fromMs: 0, untilMs: 0, used: 0 };
}

export const fixedWindow: LimitAlgorithm<FixedWindow> = {
  free(state, nowMs) {
    advance(state, nowMs);
    return state.limit - state.used;
  },
  record(state, atMs, tokens, nowMs) {
    advance(state, nowMs);
    if (atMs >= state.fromMs) state.used += tokens;
  },
  refund(state, atMs, tokens, nowMs) {
    advance(state, nowMs);
    if (atMs >= state.fromMs) state.used = Math.max(0, state.used - tokens);
  },
  freeInMs(state, tokens, nowMs) {
    if (fixedWindow.free(state, nowMs) >= tokens) return 0;
    return tokens > state.limit ? Number.POSITIVE_INFINITY : state.untilMs - nowMs;
  },
  endsAtMs(state, nowMs) {
    advance(state, nowMs);
    return state.untilMs - 1;
  },
  forgottenAtMs: ({ untilMs }) => untilMs,
};

function advance(state: FixedWindow, nowMs: number): void {
  if (nowMs < state.untilMs) return;
  const { windowMs } = state;
  if (windowMs === "month") {
    const now = new Date(nowMs);
    state.fromMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
    state.untilMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  } else {
    state.fromMs = Math.floor(nowMs / windowMs) * windowMs;
    state.untilMs = state.fromMs + windowMs;
  }
  state.used = 0;
}
