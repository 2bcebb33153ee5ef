/**
 * Circuit breaker of one endpoint: failures in a row eject it; when the ejection is over exactly one real request
 * probes; its success readmits the endpoint, its failure ejects it for twice as long, up to a bound.
 *
 * Panic rule: when every endpoint of a choice is ejected (or being probed), the one whose last failure is the oldest
 * is used all the same, so that a breaker alone never makes a service unreachable. `leastRecentlyFailed` names it.
 */
import { limits } from "../limits.ts";
import type { BreakerSettings } from "./settings.ts";

/** What of the settings ejects. */
export type EjectionSettings = Pick<
  BreakerSettings,
  "consecutiveFailures" | "intervalMs" | "ejectForMs" | "ejectForMsMax"
>;

export interface BreakerState {
  /** Failures in a row while closed. */
  failures: number;
  /** Ejections that are not forgotten yet. */
  ejections: number;
  /** End of the ejection; 0: the endpoint is in use. */
  ejectedUntilMs: number;
  /** Start of the probe that is on its way; 0: none. */
  probedAtMs: number;
  /** 0: never. */
  lastFailureMs: number;
  /** Since when ejections are forgotten, one for each interval without failures. */
  calmSinceMs: number;
}

/** Whether a failure ejects: `count`: when it is the last of those in a row; `now`: in any case; `never`: it is only counted. */
export type Trip = "count" | "now" | "never";

/** `refused`: the endpoint says that it leaves; it is passed over for a moment, which is no failure of it. */
export type BreakerEvent = "success" | "failure" | "refused" | "abandoned";

export const newBreaker = (): BreakerState => ({
  failures: 0,
  ejections: 0,
  ejectedUntilMs: 0,
  probedAtMs: 0,
  lastFailureMs: 0,
  calmSinceMs: 0,
});

/** Whether a request may go to the endpoint now: freely, as the one probe, or not. Changes nothing. */
export function breakerVerdict(state: BreakerState, nowMs: number, settings: EjectionSettings): "yes" | "probe" | "no" {
  if (state.ejectedUntilMs === 0) return "yes";
  if (nowMs < state.ejectedUntilMs) return "no";
  if (state.probedAtMs === 0) return "probe";
  return nowMs - state.probedAtMs >= ejectionMs(state.ejections, settings) ? "probe" : "no";
}

/** Takes note that a request is sent now; after an ejection it is the probe. */
export function breakerSend(state: BreakerState, nowMs: number): void {
  if (state.ejectedUntilMs !== 0 && nowMs >= state.ejectedUntilMs) state.probedAtMs = nowMs;
}

/**
 * Takes note of how a request to the endpoint ended.
 * @param event `abandoned`: it ended without saying anything of the endpoint (the caller left)
 * @param trip what a failure may do; that of a probe always ejects
 */
export function breakerStep(
  state: BreakerState,
  event: BreakerEvent,
  nowMs: number,
  settings: EjectionSettings,
  trip: Trip = "count",
): void {
  if (event === "abandoned") state.probedAtMs = 0;
  else if (event === "success") succeed(state, nowMs, settings);
  else if (event === "refused") {
    state.probedAtMs = 0;
    state.ejectedUntilMs = Math.max(state.ejectedUntilMs, nowMs + limits.breaker.refusedForMs);
  } else fail(state, nowMs, settings, trip);
}

function succeed(state: BreakerState, nowMs: number, settings: EjectionSettings): void {
  state.failures = 0;
  if (state.ejectedUntilMs !== 0) {
    if (nowMs < state.ejectedUntilMs) return;
    state.ejectedUntilMs = 0;
    state.probedAtMs = 0;
    state.calmSinceMs = nowMs;
  }
  if (state.ejections === 0) return;
  const calm = Math.floor((nowMs - state.calmSinceMs) / Math.max(1, settings.intervalMs));
  if (calm <= 0) return;
  state.ejections = Math.max(0, state.ejections - calm);
  state.calmSinceMs += calm * settings.intervalMs;
}

function fail(state: BreakerState, nowMs: number, settings: EjectionSettings, trip: Trip): void {
  const probe = state.probedAtMs !== 0;
  state.lastFailureMs = nowMs;
  state.calmSinceMs = nowMs;
  if (state.ejectedUntilMs !== 0 && !probe) return;
  state.failures = Math.min(state.failures + 1, settings.consecutiveFailures);
  if (!probe && (trip === "never" || (trip === "count" && state.failures < settings.consecutiveFailures))) return;
  if (state.ejections === 0 || ejectionMs(state.ejections, settings) < settings.ejectForMsMax) state.ejections++;
  state.failures = 0;
  state.probedAtMs = 0;
  state.ejectedUntilMs = nowMs + ejectionMs(state.ejections, settings);
}

/** Length of the n-th ejection. */
export function ejectionMs(ejections: number, { ejectForMs, ejectForMsMax }: EjectionSettings): number {
  return Math.min(ejectForMsMax, ejectForMs * 2 ** Math.max(0, ejections - 1));
}

/**
 * The panic rule's choice.
 * @param states of the candidates, in their order
 * @param tried candidates that this request was already sent to come last
 * @returns index, or -1 when there are no candidates
 */
export function leastRecentlyFailed(states: readonly BreakerState[], tried: (index: number) => boolean): number {
  let best = -1;
  for (let index = 0; index < states.length; index++) {
    if (best < 0) best = index;
    else if (tried(best) !== tried(index)) best = tried(best) ? index : best;
    else if ((states[index] as BreakerState).lastFailureMs < (states[best] as BreakerState).lastFailureMs) best = index;
  }
  return best;
}
