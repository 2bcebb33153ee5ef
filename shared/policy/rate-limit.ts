/** One interface over the two limiters: a window without `burst`, GCRA with it. */
import { fitsGcra, type GcraState, newGcra, refundToGcra, takeFromGcra } from "./gcra.ts";
import {
  fitsSlidingWindow,
  type LimitVerdict,
  newSlidingWindow,
  refundToWindow,
  type SlidingWindowState,
  takeFromWindow,
  windowForgottenAtMs,
} from "./sliding-window.ts";

/** The part of `RateLimitSettings` that the limiter itself needs. */
export interface LimiterSettings {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst?: number | undefined;
}

/** Plain and serialisable; start with `newLimiter`. */
export type LimiterState = SlidingWindowState | GcraState;

export function newLimiter(settings: LimiterSettings): LimiterState {
  const { limit, windowMs, burst } = settings;
  return burst === undefined ? newSlidingWindow(settings) : newGcra({ limit, windowMs, burst });
}

/** Whether a stored state belongs to these settings; a limit that was changed starts anew. */
export function fitsLimiter(state: LimiterState, settings: LimiterSettings): boolean {
  const { limit, windowMs, burst } = settings;
  if (state.kind === "gcra") return burst !== undefined && fitsGcra(state, { limit, windowMs, burst });
  return burst === undefined && fitsSlidingWindow(state, settings);
}

/** Asks for one admission; changes the state only when it is given. */
export function take(state: LimiterState, nowMs: number): LimitVerdict {
  return state.kind === "gcra" ? takeFromGcra(state, nowMs) : takeFromWindow(state, nowMs);
}

/** Gives one admission back. @param atMs `atMs` of its verdict */
export function refund(state: LimiterState, atMs: number): void {
  if (state.kind === "gcra") refundToGcra(state);
  else refundToWindow(state, atMs);
}

/** From when on a state that nobody touches any more means the same as a new one. */
export function forgottenAtMs(state: LimiterState): number {
  return state.kind === "gcra" ? state.atMs + Math.ceil(state.level / state.limit) : windowForgottenAtMs(state);
}
