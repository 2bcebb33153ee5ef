/**
 * What an agent knows of how busy an endpoint is: its requests in flight and the peak EWMA of the time to its answers' heads.
 * A sample above the estimate replaces it, others move it; without samples it fades, so that an endpoint that was slow is
 * tried again.
 */
import { limits } from "../limits.ts";
import { hashText } from "./rendezvous.ts";
import type { BalanceSettings, SlowStart } from "./settings.ts";

const bounds = limits.balance;

export interface EndpointLoad {
  /** Of the instance's name. */
  readonly hash: number;
  /** Share among its like; 0: it takes nothing. */
  readonly weight: number;
  /** Its slow start began then; 0: it has none. */
  readonly freshSinceMs: number;
  /** Requests in flight. */
  pending: number;
  /** Peak EWMA of the time to an answer's head. */
  latencyMs: number;
  /** When that was brought up to date. */
  atMs: number;
}

/** The same, as its holder changes it. */
export type MutableLoad = { -readonly [Name in keyof EndpointLoad]: EndpointLoad[Name] };

export const newEndpointLoad = (instance: string, weight: number, nowMs: number): MutableLoad => ({
  hash: hashText(instance),
  weight,
  freshSinceMs: 0,
  pending: 0,
  latencyMs: bounds.latencyDefaultMs,
  atMs: nowMs,
});

/** Weight that an instance's labels give it: a number from 0 in the label that the document names, else 1. */
export function weightOf(labels: Readonly<Record<string, string>>, { weightLabel }: BalanceSettings): number {
  const text = weightLabel === undefined || !Object.hasOwn(labels, weightLabel) ? "" : (labels[weightLabel] ?? "");
  if (!/^\d{1,4}(?:\.\d{1,3})?$/.test(text)) return 1;
  return Math.min(bounds.weightMax, Number(text));
}

/** The estimate as it has faded by now. Changes nothing. */
export function latencyMsAt(load: EndpointLoad, nowMs: number): number {
  const idleMs = nowMs - load.atMs;
  return idleMs <= 0 ? load.latencyMs : load.latencyMs * Math.exp(-idleMs / bounds.decayMs);
}

/** What one more request would cost there. */
export function costOf(load: EndpointLoad, policy: BalanceSettings["policy"], nowMs: number): number {
  const queue = load.pending + 1;
  return policy === "least-request" ? queue : queue * latencyMsAt(load, nowMs);
}

/**
 * Takes note of the time that an answer's head took.
 * @param sampleMs from `answerSampleMs`
 */
export function observeLatency(load: MutableLoad, sampleMs: number, nowMs: number): void {
  const known = latencyMsAt(load, nowMs);
  const share = 1 - Math.exp(-Math.max(0, nowMs - load.atMs) / bounds.decayMs);
  load.latencyMs = sampleMs > known ? sampleMs : load.latencyMs * (1 - share) + sampleMs * share;
  load.atMs = nowMs;
}

/**
 * What an attempt counts as: who fails at once must not look fast, and who asks for a pause is to get one.
 * @param tookMs to the answer's head or to the failure
 * @param failed no answer, or one that says that the instance is not well
 * @param pauseMs what it asks for; 0: nothing
 */
export function answerSampleMs(
  load: EndpointLoad,
  tookMs: number,
  failed: boolean,
  pauseMs: number,
  nowMs: number,
): number {
  const asked = Math.min(pauseMs, bounds.pauseMsMax);
  if (!failed) return Math.max(tookMs, asked);
  const expected = Math.max(tookMs, latencyMsAt(load, nowMs), bounds.latencyDefaultMs);
  return Math.max(Math.min(expected * bounds.failureFactor, bounds.failureMsMax), tookMs, asked);
}

/** Share of its weight that a new instance takes by now: (age / window) ^ (1 / aggression), but never less than a tenth. */
export function freshShare(load: EndpointLoad, slowStart: SlowStart | undefined, nowMs: number): number {
  if (slowStart === undefined || load.freshSinceMs === 0) return 1;
  const age = (nowMs - load.freshSinceMs) / slowStart.windowMs;
  if (age >= 1) return 1;
  return Math.max(bounds.slowStartShareMin, Math.max(0, age) ** (1 / slowStart.aggression));
}
