/**
 * How many requests an upstream is given at once, found by its latency, and who is refused when that is not enough.
 *
 * The limit follows a gradient: latency of an unloaded upstream over latency now. Unloaded latency is known by route. It is learned from
 * requests that met no others and from times without refusals. While there are refusals it is measured: at the same moments of the
 * clock every isolate sends only a part of its limit, so that the upstream's queue empties whoever filled it.
 *
 * Among priorities the lower one is refused first: each refusal of a higher one reserves it a place for a while, which lower ones leave
 * free. So without higher ones the lower have it all.
 */
import type { LoadReport } from "../http/load-report.ts";
import { limits } from "../limits.ts";
import type { SheddingEnd } from "./shedding-end.ts";

export type Priority = "high" | "normal" | "low";

/** Of the edge for its upstreams, or of an agent for its application. */
export interface ConcurrencySettings {
  /** `shadow`: everything is decided, and nobody is refused. */
  readonly mode: "enforce" | "shadow";
  readonly tolerance: number;
  readonly concurrencyMin: number;
  readonly concurrencyMax: number;
}

export interface SheddingSettings extends ConcurrencySettings {
  /** Priority of those with a plan, before that of the route. */
  readonly plans: Readonly<Record<string, Priority>>;
}

const bounds = limits.loadShedding;
export const LEVELS: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

interface Baseline {
  /** Unloaded latency, 0 while there is none. */
  ms: number;
  /** Answers that it is the average of. */
  answers: number;
  /** Of this window. */
  windowMs: number;
  windowAnswers: number;
  /** Of this probe. */
  probeMs: number;
  probeAnswers: number;
}

/** One isolate and one upstream, or one agent and its application. Levels are 0 high, 1 normal, 2 low. */
export interface SheddingState {
  limit: number;
  /** Since when nothing was slow yet: the limit doubles. */
  isStarting: boolean;
  inFlight: number[];
  /** Lately, of all levels; and by level the share of time without a place for it. Both stand still during probes. */
  inFlightMean: number;
  fullShare: number[];
  /** How much longer than unloaded the answers of the last window took. */
  queueMs: number;
  reserved: number[];
  advancedAtMs: number;
  refusedAtMs: number;
  /** Number of the interval between probes, and whether it began with one. */
  interval: number;
  isProbing: boolean;
  probeEndsAtMs: number;
  routes: Record<string, Baseline>;
  window: SheddingWindow;
}

interface SheddingWindow {
  beganAtMs: number;
  answers: number;
  overloaded: number;
  actualMs: number;
  /** What answers would have taken at most, unloaded. */
  expectedMs: number;
  inFlightMax: number;
}

/** A request that was let in; its end must be told. */
export interface SheddingTicket {
  readonly level: number;
  readonly route: string;
  readonly beganAtMs: number;
  readonly use: "window" | "probe" | "alone" | "none";
}

export function newShedding({ concurrencyMin, concurrencyMax }: ConcurrencySettings): SheddingState {
  return {
    limit: Math.min(concurrencyMax, Math.max(concurrencyMin, bounds.concurrency)),
    isStarting: true,
    inFlight: [0, 0, 0],
    inFlightMean: 0,
    fullShare: [0, 0, 0],
    queueMs: 0,
    reserved: [0, 0, 0],
    advancedAtMs: 0,
    refusedAtMs: Number.NEGATIVE_INFINITY,
    interval: -1,
    isProbing: false,
    probeEndsAtMs: 0,
    routes: {},
    window: newWindow(0, 0),
  };
}

const newWindow = (beganAtMs: number, inFlight: number): SheddingWindow => ({
  beganAtMs,
  answers: 0,
  overloaded: 0,
  actualMs: 0,
  expectedMs: 0,
  inFlightMax: inFlight,
});

/** A priority as it is said between the halves; absent or unknown it is normal. */
export function readPriority(text: string | undefined): Priority {
  return text === "high" || text === "low" ? text : "normal";
}

/** The plan's priority, else the route's. */
export function priorityOf(
  plan: string | undefined,
  route: Priority | undefined,
  settings: Pick<SheddingSettings, "plans"> | undefined,
): Priority {
  const plans = settings?.plans ?? {};
  return (plan !== undefined && Object.hasOwn(plans, plan) ? plans[plan] : undefined) ?? route ?? "normal";
}

/**
 * Asks for a place at the upstream.
 * @param nowMs of the wall clock, which isolates share
 * @returns undefined when there is none; in shadow there always is one, and `wouldRefuse` says it
 */
export function enterUpstream(
  state: SheddingState,
  priority: Priority,
  route: string,
  nowMs: number,
  settings: ConcurrencySettings,
): { readonly ticket?: SheddingTicket; readonly wouldRefuse: boolean } {
  advance(state, nowMs);
  const level = LEVELS[priority];
  const all = total(state);
  const isFree = all + 1 + reservedAbove(state, level) <= Math.max(1, limitNow(state, settings));
  if (!isFree) {
    if (!state.isProbing) noteRefusal(state, level, nowMs);
    if (settings.mode === "enforce") return { wouldRefuse: true };
  }
  state.inFlight[level] = (state.inFlight[level] ?? 0) + 1;
  state.window.inFlightMax = Math.max(state.window.inFlightMax, all + 1);
  const ticket = { level, route: routeKey(state, route), beganAtMs: nowMs, use: useOf(state, route, all, nowMs) };
  return { ticket, wouldRefuse: !isFree };
}

/** What a probe refuses says nothing of the places that are there. The lowest have nobody to be kept a place from. */
function noteRefusal(state: SheddingState, level: number, nowMs: number): void {
  state.refusedAtMs = nowMs;
  const placesMax = Math.max(1, state.limit * bounds.reservedShareMax);
  if (level < 2) state.reserved[level] = Math.min(placesMax, (state.reserved[level] ?? 0) + 1);
}

/** How much of what it can take at once it has, for those in front of it. */
export function loadOf(state: SheddingState, nowMs: number): LoadReport {
  advance(state, nowMs);
  const places = Math.max(1, Math.floor(state.limit));
  const [high = 0, normal = 0, low = 0] = state.fullShare;
  return { utilization: state.inFlightMean / places, places, queueMs: state.queueMs, full: [high, normal, low] };
}

/** Takes note of how a request ended. */
export function leaveUpstream(
  state: SheddingState,
  ticket: SheddingTicket,
  end: SheddingEnd,
  nowMs: number,
  settings: ConcurrencySettings,
): void {
  advance(state, nowMs);
  state.inFlight[ticket.level] = Math.max(0, (state.inFlight[ticket.level] ?? 0) - 1);
  if (end === "failed") return;
  const tookMs = Math.max(0, nowMs - ticket.beganAtMs);
  if (end === "answered" && !count(state, ticket, tookMs)) return;
  if (end === "abandoned" && !countLate(state, ticket, tookMs)) return;
  const { window } = state;
  if (window.answers === 0) window.beganAtMs = ticket.beganAtMs;
  window.answers++;
  if (end === "overloaded") window.overloaded++;
  if (window.answers >= bounds.windowAnswers && nowMs - window.beganAtMs >= bounds.windowMs)
    closeWindow(state, nowMs, settings);
}

/** @returns whether it counts for the window */
function count(state: SheddingState, { route, use }: SheddingTicket, tookMs: number): boolean {
  const baseline = baselineOf(state, route);
  if (use === "probe") {
    baseline.probeMs += tookMs;
    baseline.probeAnswers++;
  }
  if (use === "alone") learn(baseline, tookMs, 1, bounds.baselineAnswersMax);
  if (use === "probe" || use === "none" || baseline.answers === 0) return false;
  baseline.windowMs += tookMs;
  baseline.windowAnswers++;
  state.window.actualMs += tookMs;
  state.window.expectedMs += expectedMs(baseline);
  return true;
}

/** An answer that would have taken longer still. @returns whether it counts for the window */
function countLate(state: SheddingState, { route, use }: SheddingTicket, tookMs: number): boolean {
  const baseline = baselineOf(state, route);
  if (use !== "window" || baseline.answers === 0 || tookMs <= expectedMs(baseline)) return false;
  state.window.actualMs += tookMs;
  state.window.expectedMs += expectedMs(baseline);
  return true;
}

const expectedMs = ({ ms, answers }: Baseline): number => bounds.slackMs + ms * (1 + bounds.doubt / Math.sqrt(answers));

function closeWindow(state: SheddingState, nowMs: number, settings: ConcurrencySettings): void {
  const { window } = state;
  const isFull = window.inFlightMax * 2 >= state.limit;
  learnFromWindow(state, isFull);
  let gradient =
    window.actualMs === 0 ? 1 : Math.min(1, (settings.tolerance * window.expectedMs) / Math.max(1, window.actualMs));
  gradient = Math.max(bounds.shrinkMin, gradient);
  if (window.overloaded > 0) gradient = Math.min(gradient, bounds.overloadedShrink);
  if (gradient < 1) state.isStarting = false;
  state.queueMs = Math.max(0, window.actualMs - window.expectedMs) / Math.max(1, window.answers);
  if (isFull) {
    const kept = state.limit * gradient;
    const grown = state.isStarting ? 2 * state.limit : kept + Math.max(1, Math.log2(kept + 1) / 2);
    const share = state.isStarting ? 1 : bounds.smoothing;
    const limit = state.limit * (1 - share) + grown * share;
    state.limit = Math.min(settings.concurrencyMax, Math.max(settings.concurrencyMin, limit));
  }
  state.window = newWindow(nowMs, total(state));
}

/** A limit that is not used holds nothing up, so what was measured is the upstream's own latency, also when that has grown. */
function learnFromWindow({ routes }: SheddingState, isFull: boolean): void {
  for (const baseline of Object.values(routes)) {
    const { windowMs, windowAnswers } = baseline;
    const isFaster = windowMs < windowAnswers * baseline.ms * bounds.fasterShare;
    if (windowAnswers > 0 && (!isFull || isFaster)) learn(baseline, windowMs, windowAnswers, bounds.baselineAnswersMax);
    baseline.windowMs = 0;
    baseline.windowAnswers = 0;
  }
}

/** Begins and ends probes, lets reservations run out, and takes the mean. */
function advance(state: SheddingState, nowMs: number): void {
  const passedMs = nowMs - state.advancedAtMs;
  if (passedMs > 0) {
    const left = 2 ** (-passedMs / bounds.reserveHalfMs);
    state.reserved.forEach((places, level) => {
      state.reserved[level] = places * left;
    });
    if (!state.isProbing) takeMeans(state, 1 - 2 ** (-passedMs / bounds.meanHalfMs));
    state.advancedAtMs = nowMs;
  }
  if (state.isProbing && nowMs >= state.probeEndsAtMs) endProbe(state, nowMs);
  const interval = Math.floor(nowMs / bounds.probeEveryMs);
  if (interval === state.interval) return;
  const isFirst = state.interval < 0;
  state.interval = interval;
  if (isFirst || nowMs - state.refusedAtMs > bounds.probeEveryMs) return;
  const endsAtMs = interval * bounds.probeEveryMs + probeMs(state);
  if (nowMs >= endsAtMs) return;
  state.isProbing = true;
  state.probeEndsAtMs = endsAtMs;
}

/** @param share of what has been since the last time in what has been lately */
function takeMeans(state: SheddingState, share: number): void {
  const all = total(state);
  state.inFlightMean += (all - state.inFlightMean) * share;
  state.fullShare.forEach((before, level) => {
    const isFull = all + 1 + reservedAbove(state, level) > Math.max(1, state.limit);
    state.fullShare[level] = before + ((isFull ? 1 : 0) - before) * share;
  });
}

function endProbe(state: SheddingState, nowMs: number): void {
  state.isProbing = false;
  for (const baseline of Object.values(state.routes)) {
    if (baseline.probeAnswers >= bounds.probeAnswersMin)
      learn(baseline, baseline.probeMs, baseline.probeAnswers, bounds.baselineAnswersProbed);
    baseline.probeMs = 0;
    baseline.probeAnswers = 0;
  }
  state.window = newWindow(nowMs, total(state));
}

/** A power of two, so that isolates that have measured nearly the same probe equally long. */
function probeMs({ routes }: SheddingState): number {
  const slowest = Math.max(1, ...Object.values(routes).map(({ ms }) => ms));
  const wanted = 2 ** Math.ceil(Math.log2(bounds.probeLatencies * slowest));
  return Math.min(bounds.probeMsMax, Math.max(bounds.probeMsMin, wanted));
}

function useOf(state: SheddingState, route: string, others: number, nowMs: number): SheddingTicket["use"] {
  if (state.isProbing) {
    const beganAtMs = state.interval * bounds.probeEveryMs;
    return nowMs - beganAtMs >= (state.probeEndsAtMs - beganAtMs) / 3 ? "probe" : "none";
  }
  const known = baselineOf(state, routeKey(state, route)).answers;
  return others < (known < bounds.baselineAnswersProbed ? bounds.aloneAtStartMax : bounds.aloneMax)
    ? "alone"
    : "window";
}

/** Moves an average. @param answersMax how much of what was known counts */
function learn(baseline: Baseline, sumMs: number, answers: number, answersMax: number): void {
  const known = Math.min(baseline.answers, answersMax);
  baseline.ms = (baseline.ms * known + sumMs) / (known + answers);
  baseline.answers = known + answers;
}

function limitNow({ isProbing, limit }: SheddingState, { concurrencyMin }: ConcurrencySettings): number {
  return isProbing ? Math.max(concurrencyMin, limit * bounds.probeShare) : limit;
}

function total({ inFlight }: SheddingState): number {
  return inFlight.reduce((sum, one) => sum + one, 0);
}

function reservedAbove({ reserved }: SheddingState, level: number): number {
  let places = 0;
  for (let above = 0; above < level; above++) places += reserved[above] ?? 0;
  return Math.round(places);
}

/** Names of routes cannot be empty, so the empty one is that of all others. */
function routeKey({ routes }: SheddingState, route: string): string {
  return Object.hasOwn(routes, route) || Object.keys(routes).length < bounds.routesMax ? route : "";
}

function baselineOf({ routes }: SheddingState, key: string): Baseline {
  routes[key] ??= { ms: 0, answers: 0, windowMs: 0, windowAnswers: 0, probeMs: 0, probeAnswers: 0 };
  return routes[key];
}
