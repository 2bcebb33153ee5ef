/**
 * The canary of a version as a plain state and a step: when it may begin, which share of the requests it gets, and whether it
 * becomes live or is rolled back. The host stores the state, tells gateways the share, and makes live what was promoted.
 *
 * It begins when everybody has the version. Its steps follow one another while the error budget holds: by what gateways count
 * of each version it is worse when even the lower end of the confidence interval of its share of errors (Wilson) is above the
 * bound, or above the upper end of the stable version's.
 */
import { limits } from "../limits.ts";
import { OTHERS } from "./counters.ts";

const bounds = limits.canary;

/** What one canary was begun with. */
export interface CanarySettings {
  /** Shares of `sharesMax` that it gets one after the other; at least one. */
  readonly steps: readonly number[];
  /** After so long the next step follows, after the last one the promotion. Absent: somebody says so. */
  readonly everyMs?: number;
  /** Share of failed requests, 0 to 1. */
  readonly maxErrors: number;
}

/** preparing: not everybody has it; running: it has its share; promoting: it gets all requests, but is not live yet. */
export type CanaryPhase = "preparing" | "running" | "promoting" | "promoted" | "aborted";

/** Of the requests of one version. `errors` failed; `refused` got a problem of the gateway that was no failure. */
export interface CanaryCounts {
  requests: number;
  errors: number;
  refused: number;
}

/** Of a route. `canary` since the step began, `recent` and `before` of the last times of `recentMs`; `stable` of all the time. */
interface RouteCounts {
  readonly canary: CanaryCounts;
  readonly recent: CanaryCounts;
  readonly before: CanaryCounts;
  readonly stable: CanaryCounts;
}

/** Plain and serialisable; times are milliseconds since the epoch. */
export interface CanaryState {
  phase: CanaryPhase;
  /** Of `sharesMax` requests, that gateways give it now. */
  share: number;
  /** Index into the steps; somebody who sets a share ends them: -1. */
  step: number;
  stepAtMs: number;
  changedAtMs: number;
  recentAtMs: number;
  /** Why it ended, for operators. */
  reason: string;
  /** By route; `OTHERS` for those that are not judged apart. */
  readonly routes: Record<string, RouteCounts>;
}

export type CanaryEvent =
  /**
   * Who must have the version and does not, and who will not have it. In `promoting`: who does not give it all requests.
   * `of`: the phase in which that was asked; an answer that comes in another means nothing.
   */
  | {
      readonly type: "heard";
      readonly of: CanaryPhase;
      readonly missing: number;
      readonly refused?: { readonly who: string; readonly reason: string };
    }
  | ({ readonly type: "counted"; readonly side: "canary" | "stable"; readonly route: string } & CanaryCounts)
  | { readonly type: "tick" }
  | { readonly type: "set"; readonly share: number }
  | { readonly type: "promote" }
  | { readonly type: "abort"; readonly reason: string };

export function newCanary(nowMs: number): CanaryState {
  return {
    phase: "preparing",
    share: 0,
    step: 0,
    stepAtMs: nowMs,
    changedAtMs: nowMs,
    recentAtMs: nowMs,
    reason: "",
    routes: {},
  };
}

/** Whether it has not ended. */
export const isOpen = ({ phase }: Pick<CanaryState, "phase">): boolean => phase !== "promoted" && phase !== "aborted";

/** Applies one event in place. @returns false when the event means nothing in this phase */
export function stepCanary(state: CanaryState, event: CanaryEvent, nowMs: number, settings: CanarySettings): boolean {
  if (!isOpen(state)) return false;
  switch (event.type) {
    case "heard":
      return hear(state, event, nowMs, settings);
    case "counted":
      return count(state, event, nowMs, settings);
    case "tick":
      if (state.phase === "running") advance(state, nowMs, settings);
      return true;
    case "set":
      if (state.phase === "promoting") return false;
      state.step = -1;
      if (state.phase === "running") giveShare(state, event.share, nowMs);
      else state.share = event.share;
      return true;
    case "promote":
      if (state.phase !== "running") return false;
      promote(state, nowMs);
      return true;
    case "abort":
      end(state, "aborted", event.reason, nowMs);
      return true;
  }
}

/** The share that gateways are to give: none before everybody has the version. */
export const shareNow = ({ phase, share }: CanaryState): number =>
  phase === "running" || phase === "promoting" ? share : 0;

/** Sums over the routes, of the canary since its step began. */
export function canarySums({ routes }: CanaryState): { readonly canary: CanaryCounts; readonly stable: CanaryCounts } {
  const [canary, stable] = [zeros(), zeros()];
  for (const counts of Object.values(routes)) {
    add(canary, counts.canary);
    add(stable, counts.stable);
  }
  return { canary, stable };
}

function hear(
  state: CanaryState,
  { of, missing, refused }: Extract<CanaryEvent, { type: "heard" }>,
  nowMs: number,
  settings: CanarySettings,
): boolean {
  if (state.phase === "running" || state.phase !== of) return false;
  if (refused !== undefined && state.phase === "preparing")
    end(state, "aborted", `${refused.who} refuses it: ${refused.reason}`, nowMs);
  else if (missing > 0) return true;
  else if (state.phase === "promoting") end(state, "promoted", state.reason, nowMs);
  else {
    state.phase = "running";
    giveShare(state, state.step < 0 ? state.share : (settings.steps[0] ?? 0), nowMs);
  }
  return true;
}

function count(
  state: CanaryState,
  event: Extract<CanaryEvent, { type: "counted" }>,
  nowMs: number,
  settings: CanarySettings,
): boolean {
  if (state.phase !== "running") return false;
  turn(state, nowMs);
  const route = routeOf(state, event.route);
  if (event.side === "stable") add(route.stable, event);
  else {
    add(route.canary, event);
    add(route.recent, event);
  }
  const fault = faultIn(state, settings);
  if (fault !== undefined) end(state, "aborted", fault, nowMs);
  return true;
}

function advance(state: CanaryState, nowMs: number, { steps, everyMs }: CanarySettings): void {
  turn(state, nowMs);
  if (state.step < 0 || everyMs === undefined || nowMs - state.stepAtMs < everyMs) return;
  if (canarySums(state).canary.requests < bounds.requestsMin) return;
  const next = steps[state.step + 1];
  if (next === undefined) {
    promote(state, nowMs);
    return;
  }
  state.step++;
  giveShare(state, next, nowMs);
}

function promote(state: CanaryState, nowMs: number): void {
  giveShare(state, bounds.sharesMax, nowMs);
  state.phase = "promoting";
}

function giveShare(state: CanaryState, share: number, nowMs: number): void {
  state.share = share;
  state.stepAtMs = state.changedAtMs = state.recentAtMs = nowMs;
  for (const { canary, recent, before } of Object.values(state.routes))
    for (const counts of [canary, recent, before]) set(counts, zeros());
}

function end(state: CanaryState, phase: "promoted" | "aborted", reason: string, nowMs: number): void {
  state.phase = phase;
  state.changedAtMs = nowMs;
  state.reason = reason;
  if (phase === "aborted") state.share = 0;
}

/** What was counted lately becomes what was before. */
function turn(state: CanaryState, nowMs: number): void {
  const ageMs = nowMs - state.recentAtMs;
  if (ageMs >= 0 && ageMs < bounds.recentMs) return;
  state.recentAtMs = nowMs;
  for (const { recent, before } of Object.values(state.routes)) {
    set(before, ageMs < 0 || ageMs >= 2 * bounds.recentMs ? zeros() : recent);
    set(recent, zeros());
  }
}

function routeOf({ routes }: CanaryState, name: string): RouteCounts {
  const known = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (known !== undefined) return known;
  const key = Object.keys(routes).length < bounds.routesMax || name === OTHERS ? name : OTHERS;
  const others = Object.hasOwn(routes, key) ? routes[key] : undefined;
  if (others !== undefined) return others;
  const made = { canary: zeros(), recent: zeros(), before: zeros(), stable: zeros() };
  // A name such as `__proto__` is a name like any other.
  Object.defineProperty(routes, key, { value: made, enumerable: true, configurable: true, writable: true });
  return made;
}

/** What is wrong with the version: over all routes, or with one of them; since the step began, or lately. */
function faultIn(state: CanaryState, settings: CanarySettings): string | undefined {
  const all = { step: zeros(), lately: zeros(), stable: zeros() };
  for (const { canary, recent, before, stable } of Object.values(state.routes)) {
    add(all.step, canary);
    add(all.lately, recent);
    add(all.lately, before);
    add(all.stable, stable);
  }
  const fault = faultOf(all.step, all.stable, settings) ?? faultOf(all.lately, all.stable, settings);
  if (fault !== undefined) return fault;
  for (const [name, { canary, recent, before, stable }] of Object.entries(state.routes)) {
    const lately = zeros();
    add(lately, recent);
    add(lately, before);
    const ofRoute = faultOf(canary, stable, settings) ?? faultOf(lately, stable, settings);
    if (ofRoute !== undefined) return `${name === OTHERS ? "other routes" : `route ${name}`}: ${ofRoute}`;
  }
  return undefined;
}

function faultOf(canary: CanaryCounts, stable: CanaryCounts, { maxErrors }: CanarySettings): string | undefined {
  const { requests, errors, refused } = canary;
  if (requests < bounds.requestsMin) return undefined;
  const failed = `${errors} of ${requests} requests failed`;
  const errorsLow = shareBounds(errors, requests).low;
  if (errorsLow > maxErrors) return `${failed}, more than ${percent(maxErrors)} are allowed`;
  if (stable.requests < bounds.requestsMin) return undefined;
  if (errorsLow > shareBounds(stable.errors, stable.requests).high + bounds.errorsMargin)
    return `${failed}, of the stable version ${stable.errors} of ${stable.requests}`;
  if (shareBounds(refused, requests).low > shareBounds(stable.refused, stable.requests).high + bounds.refusedMargin)
    return `${refused} of ${requests} requests were refused, of the stable version ${stable.refused} of ${stable.requests}`;
  return undefined;
}

/** Wilson's interval for a share of which `hits` of `all` were seen. */
export function shareBounds(hits: number, all: number): { readonly low: number; readonly high: number } {
  if (all <= 0) return { low: 0, high: 1 };
  const z2 = bounds.deviations ** 2;
  const share = Math.min(1, hits / all);
  const middle = share + z2 / (2 * all);
  const spread = bounds.deviations * Math.sqrt((share * (1 - share)) / all + z2 / (4 * all * all));
  const scale = 1 + z2 / all;
  return { low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) };
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;

const zeros = (): CanaryCounts => ({ requests: 0, errors: 0, refused: 0 });

function add(sums: CanaryCounts, { requests, errors, refused }: CanaryCounts): void {
  sums.requests += requests;
  sums.errors += errors;
  sums.refused += refused;
}

function set(counts: CanaryCounts, { requests, errors, refused }: CanaryCounts): void {
  counts.requests = requests;
  counts.errors = errors;
  counts.refused = refused;
}
