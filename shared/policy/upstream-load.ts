/**
 * Who is refused at the edge because an upstream says how full it is: its agents know of all isolates and callers together, which no
 * isolate does. For each priority the upstream says for what share of the time it had no place; of a priority for which that is
 * too much, a share is refused here that grows until it is not, or all of it is. High priority is left to the agents.
 */
import type { LoadReport } from "../http/load-report.ts";
import { limits } from "../limits.ts";
import { LEVELS, type Priority } from "./load-shedding.ts";

const bounds = limits.loadShedding;

/** What one isolate has heard of one upstream. Levels are 0 high, 1 normal, 2 low. */
export interface UpstreamLoad {
  heardAtMs: number;
  /** The last word. */
  report: LoadReport | undefined;
  /** Of each level, what is refused. */
  share: number[];
  /** By level: what of a refusal is due; shares are kept without chance. */
  due: number[];
}

export const newUpstreamLoad = (): UpstreamLoad => ({
  heardAtMs: 0,
  report: undefined,
  share: [0, 0, 0],
  due: [0, 0, 0],
});

/** Takes note of what an answer says. Words that come close on each other move as much as one. */
export function hearLoad(state: UpstreamLoad, report: LoadReport, nowMs: number): void {
  forget(state, nowMs);
  const passedMs = Math.min(bounds.loadStepMsMax, Math.max(0, nowMs - state.heardAtMs));
  for (let level = 1; level < state.share.length; level++) {
    const excess = (report.full[level] ?? 0) - bounds.fullShareMax;
    const pull = excess / (excess > 0 ? 1 - bounds.fullShareMax : bounds.fullShareMax);
    const share = (state.share[level] ?? 0) + (pull * passedMs) / bounds.loadMoveMs;
    state.share[level] = Math.min(1, Math.max(0, share));
  }
  state.heardAtMs = Math.max(nowMs, state.heardAtMs);
  state.report = report;
}

/** Whether this request is one of those that are refused; each is asked for once. */
export function refusesByLoad(state: UpstreamLoad, priority: Priority, nowMs: number): boolean {
  forget(state, nowMs);
  const level = LEVELS[priority];
  const due = (state.due[level] ?? 0) + (state.share[level] ?? 0);
  // Sums of many parts fall short of a whole by a hair.
  const isDue = due > 1 - 1e-9;
  state.due[level] = isDue ? Math.max(0, due - 1) : due;
  return isDue;
}

/** Who hears nothing lets more and more pass, and hears by that. */
function forget(state: UpstreamLoad, nowMs: number): void {
  const silentMs = nowMs - state.heardAtMs - bounds.loadFreshMs;
  if (silentMs <= 0 || state.report === undefined) return;
  const left = 2 ** (-silentMs / bounds.loadHalfMs);
  state.share.forEach((share, level) => {
    state.share[level] = share * left;
  });
  state.heardAtMs = nowMs - bounds.loadFreshMs;
}

/** Of several instances, each by the places that it has. @returns undefined when there are none */
export function meanLoad(all: readonly LoadReport[]): LoadReport | undefined {
  const places = all.reduce((sum, one) => sum + one.places, 0);
  if (places === 0) return undefined;
  const mean = (of: (one: LoadReport) => number): number =>
    all.reduce((sum, one) => sum + (of(one) * one.places) / places, 0);
  const full = [mean(({ full }) => full[0]), mean(({ full }) => full[1]), mean(({ full }) => full[2])] as const;
  return { utilization: mean((one) => one.utilization), places, queueMs: mean((one) => one.queueMs), full };
}
