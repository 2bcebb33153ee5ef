/**
 * Hedging: when no answer came for a while, the request goes to another instance as well, and the first good answer wins
 * ("The Tail at Scale", Dean and Barroso 2013). The budget is a part of a hedge for each request that may be hedged, saved up to a few:
 * however slow a service becomes, it never gets more on top than that.
 */
import { limits } from "../limits.ts";
import { addLatency, type LatencyHistogram, latencyPercentileMs, newLatencyHistogram } from "./latency-histogram.ts";
import type { Priority } from "./load-shedding.ts";
import { isIdempotent } from "./retry.ts";
import type { HedgeSettings } from "./settings.ts";

const bounds = limits.hedge;

/** Of one service. */
export interface HedgeState {
  /** Hedges that may be sent; a part of one is none yet. */
  saved: number;
  readonly latencies: LatencyHistogram;
  /** Answers since the percentile was found. */
  answers: number;
  /** The percentile; 0: it is not known yet. */
  delayMs: number;
}

export const newHedge = (): HedgeState => ({ saved: 0, latencies: newLatencyHistogram(), answers: 0, delayMs: 0 });

export interface HedgedRequest {
  readonly method: string;
  readonly priority: Priority;
  /** The caller numbers its attempts: it sends again by itself. */
  readonly callerRetries: boolean;
}

/** Whether a request may be sent twice at a time at all; law 7 goes before what the settings say. */
export function mayHedge({ methods }: HedgeSettings, { method, priority, callerRetries }: HedgedRequest): boolean {
  return !callerRetries && priority !== "low" && isIdempotent(method) && methods.includes(method);
}

/**
 * Takes note of a request that may be hedged.
 * @returns milliseconds without an answer after which it is hedged; undefined: not, as too little is known yet
 */
export function hedgeDelayMs(state: HedgeState, { afterMs, budgetPercent }: HedgeSettings): number | undefined {
  state.saved = Math.min(bounds.savedMax, state.saved + budgetPercent / 100);
  return afterMs ?? (state.delayMs > 0 ? state.delayMs : undefined);
}

/** Asks for leave to send a hedge now. */
export function takeHedge(state: HedgeState): boolean {
  // Tenths do not add up to ones exactly.
  if (state.saved < 1 - 1e-9) return false;
  state.saved = Math.max(0, state.saved - 1);
  return true;
}

/** Takes note of how long an attempt took, or how long one that lost had no answer: else slow ones would make the delay short. */
export function noteHedgeLatency(state: HedgeState, tookMs: number, { percentile }: HedgeSettings): void {
  if (percentile === undefined) return;
  addLatency(state.latencies, tookMs, bounds.answersMax);
  state.answers++;
  if (state.latencies.total < bounds.answersMin) return;
  if (state.delayMs > 0 && state.answers < bounds.answersBetween) return;
  state.answers = 0;
  state.delayMs = Math.max(bounds.afterMsMin, latencyPercentileMs(state.latencies, percentile));
}
