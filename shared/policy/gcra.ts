/**
 * Generic cell rate algorithm as a meter: what was admitted drains at `limit / windowMs`, at most `burst` may stand in it.
 * In any time w at most `burst + limit * w / windowMs` are admitted, and a client that keeps to that is never refused.
 * The level is counted in requests times `windowMs`, so that all of it is whole numbers.
 */
import type { LimitVerdict } from "./sliding-window.ts";

export interface GcraSettings {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface GcraState {
  readonly kind: "gcra";
  limit: number;
  windowMs: number;
  burst: number;
  level: number;
  atMs: number;
}

export function newGcra(settings: GcraSettings): GcraState {
  const { limit, windowMs, burst } = settings;
  return { kind: "gcra", limit, windowMs, burst, level: 0, atMs: 0 };
}

/** Whether a stored state belongs to these settings; else the caller starts with a new one. */
export function fitsGcra(state: GcraState, settings: GcraSettings): boolean {
  return state.limit === settings.limit && state.windowMs === settings.windowMs && state.burst === settings.burst;
}

/** Asks for one admission. A clock that went back stands still instead. */
export function takeFromGcra(state: GcraState, nowMs: number): LimitVerdict {
  const { limit, windowMs, burst } = state;
  const atMs = Math.max(nowMs, state.atMs);
  let level = Math.max(0, state.level - (atMs - state.atMs) * limit);
  const admitted = level + windowMs <= burst * windowMs;
  if (admitted) {
    level += windowMs;
    state.level = level;
    state.atMs = atMs;
  }
  const remaining = Math.floor((burst * windowMs - level) / windowMs);
  const missing = level - (burst - remaining - 1) * windowMs;
  return { admitted, remaining, resetMs: level === 0 ? 0 : Math.ceil(missing / limit), atMs };
}

/** Gives an admission back. */
export function refundToGcra(state: GcraState): void {
  state.level = Math.max(0, state.level - state.windowMs);
}
