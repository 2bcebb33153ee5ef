/**
 * Outlier detection: which endpoints of a service are out of use. Beside its breaker, which counts failures in a row, an endpoint is
 * ejected when too few of its requests of the last while succeed although those of the others do. Only a share of the endpoints
 * may be ejected at once, but one always; with too few left, ejections are ignored (panic).
 */
import { limits } from "../limits.ts";
import {
  type BreakerEvent,
  type BreakerState,
  breakerSend,
  breakerStep,
  breakerVerdict,
  newBreaker,
  type Trip,
} from "./breaker.ts";
import { advanceRing, newOutcomeRing, type OutcomeRing, ringStep, withdrawRing } from "./outcome-ring.ts";
import type { BreakerSettings, PoolSettings } from "./settings.ts";

/** What of the settings ejects. */
export type OutlierSettings = Omit<BreakerSettings, "maxRequests" | keyof PoolSettings>;

/** Of one endpoint. */
export interface OutlierState extends BreakerState {
  /** It is out for its failures, not since it leaves. */
  isOutlier: boolean;
  readonly recent: OutcomeRing;
}

/** Of all endpoints of a service together. */
export interface ServiceHealth {
  endpoints: number;
  /** Out for their failures. */
  ejected: number;
  /** Out for whatever reason: while 0, nobody need ask for each. */
  out: number;
  readonly recent: OutcomeRing;
}

export const newOutlier = (): OutlierState => ({ ...newBreaker(), isOutlier: false, recent: newOutcomeRing() });

export const newServiceHealth = (): ServiceHealth => ({ endpoints: 0, ejected: 0, out: 0, recent: newOutcomeRing() });

/** After endpoints came or went. */
export function recountHealth(health: ServiceHealth, states: readonly OutlierState[]): void {
  health.endpoints = states.length;
  health.out = states.filter(({ ejectedUntilMs }) => ejectedUntilMs !== 0).length;
  health.ejected = states.filter(({ isOutlier }) => isOutlier).length;
}

/** Whether a request may go there now: freely, as the one probe, or not. Changes nothing. */
export function outlierVerdict(
  state: OutlierState,
  { endpoints, ejected }: ServiceHealth,
  nowMs: number,
  settings: OutlierSettings,
): "yes" | "probe" | "no" {
  const inPanic = ejected > 0 && (endpoints - ejected) * 100 < endpoints * settings.panicPercent;
  return inPanic && state.isOutlier ? "yes" : breakerVerdict(state, nowMs, settings);
}

/** Takes note that a request is sent now. In panic more are sent beside the probe, which stays the one that decides. */
export function outlierSend(state: OutlierState, nowMs: number, settings: OutlierSettings): void {
  if (breakerVerdict(state, nowMs, settings) === "probe") breakerSend(state, nowMs);
}

/**
 * Takes note of how a request to the endpoint ended. While it is out its probe alone decides: what was sent before is about the past,
 * and what the caller gave up about nothing.
 * @param sentAtMs as `outlierSend` got it
 * @returns whether that brought it back into use
 */
export function outlierEnd(
  state: OutlierState,
  health: ServiceHealth,
  event: BreakerEvent,
  sentAtMs: number,
  nowMs: number,
  settings: OutlierSettings,
): boolean {
  if (state.ejectedUntilMs === 0 || state.probedAtMs === sentAtMs)
    return outlierStep(state, health, event, nowMs, settings);
  if (event === "failure") state.lastFailureMs = nowMs;
  return false;
}

/**
 * Takes note of how a request ended that may decide.
 * @returns whether that brought the endpoint back into use
 */
export function outlierStep(
  state: OutlierState,
  health: ServiceHealth,
  event: BreakerEvent,
  nowMs: number,
  settings: OutlierSettings,
): boolean {
  const wasOut = state.ejectedUntilMs !== 0;
  const counts = !wasOut || nowMs >= state.ejectedUntilMs;
  if (counts && (event === "success" || event === "failure")) note(state, health, event === "failure", nowMs, settings);
  const trip = event === "failure" ? tripOf(state, health, nowMs, settings) : "count";
  const ejectedUntilMs = state.ejectedUntilMs;
  breakerStep(state, event, nowMs, settings, trip);
  const isOut = state.ejectedUntilMs !== 0;
  if (wasOut !== isOut) health.out += isOut ? 1 : -1;
  if (event === "failure" && state.ejectedUntilMs !== ejectedUntilMs) ejected(state, health);
  else if (!isOut && state.isOutlier) {
    state.isOutlier = false;
    health.ejected--;
  }
  return wasOut && !isOut;
}

function note(
  state: OutlierState,
  health: ServiceHealth,
  failed: boolean,
  nowMs: number,
  { successRate: { percent, windowMs } }: OutlierSettings,
): void {
  if (percent === 0) return;
  ringStep(state.recent, failed, nowMs, windowMs);
  ringStep(health.recent, failed, nowMs, windowMs);
}

/** What it did before says nothing of how it is after its probe, and is no measure for the others. */
function ejected(state: OutlierState, health: ServiceHealth): void {
  if (!state.isOutlier) health.ejected++;
  state.isOutlier = true;
  withdrawRing(health.recent, state.recent);
}

function tripOf(state: OutlierState, health: ServiceHealth, nowMs: number, settings: OutlierSettings): Trip {
  if (!mayEject(health, settings)) return "never";
  return isWorse(state.recent, health.recent, nowMs, settings) ? "now" : "count";
}

/** One more than are out already, as far as the share allows; the first always may. */
function mayEject({ endpoints, ejected: out }: ServiceHealth, { ejectedPercentMax }: OutlierSettings): boolean {
  return out === 0 || (out + 1) * 100 <= endpoints * ejectedPercentMax;
}

/** Too few of its requests succeed, and not only since nobody's do. */
function isWorse(own: OutcomeRing, all: OutcomeRing, nowMs: number, { successRate }: OutlierSettings): boolean {
  const { percent, windowMs, requestsMin } = successRate;
  if (percent === 0) return false;
  advanceRing(own, nowMs, windowMs);
  const total = own.goodAll + own.failedAll;
  if (total < requestsMin || own.goodAll * 100 >= total * percent) return false;
  const othersFailed = all.failedAll - own.failedAll;
  const others = all.goodAll - own.goodAll + othersFailed;
  return others === 0 || own.failedAll * others > limits.breaker.worseThanOthers * othersFailed * total;
}
