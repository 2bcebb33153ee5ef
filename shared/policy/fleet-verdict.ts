/**
 * What the callers of one service see together: which of its endpoints fail for how many of them, and which share of all attempts are
 * retries. Advice, with an end: callers that hear of it use an endpoint less that most of those who call it see failing. One that a
 * single caller cannot reach is that caller's network, and of nobody else's concern; when half of the endpoints fail, going
 * elsewhere helps nobody.
 */
import type { CallerReport } from "./caller-view.ts";
import { addTo, type DecayingSum, newDecayingSum, sumNow } from "./decaying-sum.ts";

/** What one caller said of one endpoint. */
export interface CallerWord {
  readonly instance: string;
  readonly failing: boolean;
  readonly good: number;
  readonly failed: number;
  /** It counts until then, milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Plain but for its maps. */
export interface VerdictState {
  /** By caller. */
  readonly callers: Map<string, readonly CallerWord[]>;
  readonly requests: DecayingSum;
  readonly retries: DecayingSum;
}

export type VerdictSettings = {
  readonly [Name in
    | "failingForMs"
    | "wellForMs"
    | "callerEndpointsMax"
    | "callersMax"
    | "verdictEndpointsMax"
    | "adviseCallersMin"
    | "retryShare"
    | "retryRequestsMin"
    | "retryWindowMs"]: number;
};

/** An endpoint that at least one caller sees failing. */
export interface EndpointVerdict {
  readonly instance: string;
  /** Callers that see it failing, of those that call it. */
  readonly failing: number;
  readonly callers: number;
  /** Of the callers' attempts of the last while, as those that see it failing said. */
  readonly attempts: number;
  readonly failures: number;
  /** Callers are advised to use it less. */
  readonly advised: boolean;
  /** The one caller that sees it failing while others do not: look at that caller's network. */
  readonly only?: string;
}

export interface FleetVerdict {
  readonly endpoints: readonly EndpointVerdict[];
  /** Of the callers' attempts in about `retryWindowMs`, where retries are too many of them. */
  readonly retries?: { readonly requests: number; readonly retries: number };
}

export const newVerdictState = (): VerdictState => ({
  callers: new Map(),
  requests: newDecayingSum(),
  retries: newDecayingSum(),
});

/** Takes what a caller said. Of more callers than are summed the latest are left out. */
export function takeCallerReport(
  { callers, requests, retries }: VerdictState,
  caller: string,
  report: Omit<CallerReport, "service">,
  nowMs: number,
  settings: VerdictSettings,
): void {
  addTo(requests, report.requests, nowMs, settings.retryWindowMs);
  addTo(retries, report.retries, nowMs, settings.retryWindowMs);
  const named = new Set(report.endpoints.map(({ instance }) => instance));
  const before = report.whole === true ? [] : (callers.get(caller) ?? []);
  const kept = before.filter(({ instance, untilMs }) => !named.has(instance) && nowMs < untilMs);
  const said = report.endpoints.flatMap(({ instance, seen, good, failed }): CallerWord[] => {
    if (seen === "none") return [];
    const failing = seen === "failing";
    const untilMs = nowMs + (failing ? settings.failingForMs : settings.wellForMs);
    return [{ instance, failing, good, failed, untilMs }];
  });
  const words = [...said, ...kept].slice(0, settings.callerEndpointsMax);
  if (words.length === 0) callers.delete(caller);
  else if (callers.has(caller) || callers.size < settings.callersMax) callers.set(caller, words);
}

/** Drops callers of whom nothing counts any more. @returns their names */
export function forgetCallers({ callers }: VerdictState, nowMs: number): string[] {
  const gone = [...callers].flatMap(([caller, words]) =>
    words.every(({ untilMs }) => nowMs >= untilMs) ? [caller] : [],
  );
  for (const caller of gone) callers.delete(caller);
  return gone;
}

/** @param known instances that callers are given now */
export function verdictOf(
  state: VerdictState,
  known: ReadonlySet<string>,
  nowMs: number,
  settings: VerdictSettings,
): FleetVerdict {
  const tallies = tally(state, known, nowMs);
  const doubted = [...tallies.values()].filter(({ failing, callers }) => {
    return failing >= settings.adviseCallersMin && failing * 2 > callers;
  });
  const isUseful = doubted.length * 2 <= known.size;
  const endpoints = [...tallies]
    .filter(([, { failing }]) => failing > 0)
    .map(([instance, one]): EndpointVerdict => {
      const { failing, callers, attempts, failures, lastFailing } = one;
      const isOne = failing === 1 && callers > 1;
      const advised = isUseful && doubted.includes(one);
      return { instance, failing, callers, attempts, failures, advised, ...(isOne && { only: lastFailing }) };
    });
  endpoints.sort((a, b) => b.failing - a.failing || (a.instance < b.instance ? -1 : 1));
  const retries = retriesOf(state, nowMs, settings);
  return { endpoints: endpoints.slice(0, settings.verdictEndpointsMax), ...(retries !== undefined && { retries }) };
}

interface Tally {
  callers: number;
  failing: number;
  attempts: number;
  failures: number;
  lastFailing: string;
}

function tally({ callers }: VerdictState, known: ReadonlySet<string>, nowMs: number): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const [caller, words] of callers)
    for (const { instance, failing, good, failed, untilMs } of words) {
      if (nowMs >= untilMs || !known.has(instance)) continue;
      const one = tallies.get(instance) ?? { callers: 0, failing: 0, attempts: 0, failures: 0, lastFailing: "" };
      tallies.set(instance, one);
      one.callers++;
      if (!failing) continue;
      one.failing++;
      one.attempts += good + failed;
      one.failures += failed;
      one.lastFailing = caller;
    }
  return tallies;
}

function retriesOf(state: VerdictState, nowMs: number, settings: VerdictSettings): FleetVerdict["retries"] {
  const requests = Math.round(sumNow(state.requests, nowMs, settings.retryWindowMs));
  const retries = Math.round(sumNow(state.retries, nowMs, settings.retryWindowMs));
  const isMany = requests >= settings.retryRequestsMin && retries >= settings.retryShare * (requests + retries);
  return isMany ? { requests, retries } : undefined;
}

/** What callers are to use less. */
export function advisedOf({ endpoints }: FleetVerdict): string[] {
  return endpoints.flatMap(({ instance, advised }) => (advised ? [instance] : []));
}

/** What was told last of something that holds for a while. */
export interface LastTold {
  /** Empty: that there is nothing. */
  readonly text: string;
  readonly atMs: number;
}

/** What of a verdict has to be told at once when it changes: who fails for how many, and the share of retries in percent. */
export function textOf({ endpoints, retries }: FleetVerdict): string {
  const each = endpoints.map(({ instance, failing, callers, advised }) => [instance, failing, callers, advised]);
  const percent = retries && Math.round((100 * retries.retries) / (retries.requests + retries.retries));
  return each.length === 0 && percent === undefined ? "" : JSON.stringify([each, percent]);
}

/** Advice as it is compared. */
export const adviceText = (avoid: readonly string[]): string => (avoid.length === 0 ? "" : JSON.stringify(avoid));

/** Whether something has to be told: it is something else, or it holds still and was not said for a while. */
export function mustTell(text: string, last: LastTold | undefined, nowMs: number, againMs: number): boolean {
  if (text !== (last?.text ?? "")) return true;
  return text !== "" && nowMs >= (last?.atMs ?? 0) + againMs;
}
