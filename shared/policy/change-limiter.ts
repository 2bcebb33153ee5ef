/**
 * A limiter whose numbers change: another document, another plan of the caller, callers of several plans that share a count.
 * Every question brings the numbers that it is decided by; what was counted and lent stays so. What a limit counts, and in
 * which windows, never changes: with that it is another limit (`countingWay`).
 */
import { changeGcra } from "./gcra.ts";
import { type LimiterSettings, type LimiterState, newLimiter } from "./limiter-state.ts";
import { changeWindow } from "./sliding-window.ts";

/**
 * What a count is of, and how it is kept: limits that agree in it can go on with each other's counts. How long requests run
 * that are counted at once belongs to the numbers.
 */
export function countingWay({ windowMs, burst, window, counts }: LimiterSettings): string {
  if (counts === "concurrent") return counts;
  return `${burst === undefined ? (window ?? "sliding") : "burst"} ${windowMs} ${counts ?? "requests"}`;
}

/** The numbers that may change. */
export function countingNumbers({ limit, windowMs, burst, counts }: LimiterSettings): string {
  return `${limit} ${counts === "concurrent" ? windowMs : (burst ?? "")}`;
}

/**
 * The limiter that a question with these settings is put to: the one there is, or a new one where there is none or where it
 * counts in another way.
 */
export function limiterFor(state: LimiterState | undefined, settings: LimiterSettings, nowMs: number): LimiterState {
  if (state === undefined || countingWay(state.settings) !== countingWay(settings)) return newLimiter(settings);
  changeHistory(state, settings, Math.max(nowMs, state.atMs));
  state.settings = settings;
  return state;
}

function changeHistory(state: LimiterState, { limit, burst = limit }: LimiterSettings, nowMs: number): void {
  const { history } = state;
  if (history.kind === "gcra") {
    if (history.limit !== limit || history.burst !== burst) changeGcra(history, limit, burst, nowMs);
  } else if (history.kind === "log" || history.kind === "slices") state.history = changeWindow(history, limit, nowMs);
  else if (history.kind !== "lent") history.limit = limit;
}
