/**
 * What a caller tells of the endpoints that it calls, by the counters that its outlier detection has anyway. It tells changes; that an
 * endpoint fails is said again while it is so, everything else seldom: while all is well a fleet is quiet.
 *
 * A host steps it every `observeEveryMs` while it is connected, and sends what comes out; after a new connection everything is told.
 */
import type { OutcomeRing } from "./outcome-ring.ts";

/** `well`: its calls succeed; `failing`: too few do, or it is out for that; `none`: it was not called lately. */
export type Seen = "well" | "failing" | "none";

/** One endpoint as its caller sees it; the counts are those of the window of outlier detection. */
export interface SeenEndpoint {
  readonly instance: string;
  readonly seen: Seen;
  readonly good: number;
  readonly failed: number;
}

/** A service that is called. */
export interface CallerView {
  readonly service: string;
  /** Since the caller started. `retries` are the attempts behind the first. */
  readonly requests: number;
  readonly retries: number;
  readonly endpoints: readonly SeenEndpoint[];
}

export interface CallerReport {
  readonly service: string;
  /** Since the last report. */
  readonly requests: number;
  readonly retries: number;
  /** Endpoints that are not named are not called. */
  readonly whole?: true | undefined;
  readonly endpoints: SeenEndpoint[];
}

interface Told {
  readonly endpoints: Map<string, { readonly seen: Seen; readonly atMs: number }>;
  requests: number;
  retries: number;
  wholeAtMs: number;
}

/** By service. */
export type CallerState = Map<string, Told>;

export type CallerSettings = {
  readonly [Name in
    | "failingAgainMs"
    | "wholeAgainMs"
    | "reportServicesMax"
    | "reportEndpointsMax"
    | "callerEndpointsMax"]: number;
};

/** A new connection: whoever hears it may know nothing. */
export function tellAnew(state: CallerState): void {
  for (const told of state.values()) told.wholeAtMs = Number.NEGATIVE_INFINITY;
}

/** @param isOut for its failures */
export function seenAs(recent: Pick<OutcomeRing, "goodAll" | "failedAll">, isOut: boolean, failuresMin: number): Seen {
  const { goodAll: good, failedAll: failed } = recent;
  if (isOut || (failed >= failuresMin && failed >= good)) return "failing";
  return good > 0 ? "well" : "none";
}

/** @returns what is to be told now; what does not fit follows with a later step */
export function stepCaller(
  state: CallerState,
  views: readonly CallerView[],
  nowMs: number,
  settings: CallerSettings,
): CallerReport[] {
  const reports: CallerReport[] = [];
  let room = settings.reportEndpointsMax;
  for (const view of views) {
    if (reports.length >= settings.reportServicesMax) break;
    const report = reportOf(state, view, nowMs, settings);
    if (report === undefined || report.endpoints.length > room) continue;
    room -= report.endpoints.length;
    note(state, view, report, nowMs);
    reports.push(report);
  }
  const called = new Set(views.map(({ service }) => service));
  for (const service of state.keys()) if (!called.has(service)) state.delete(service);
  return reports;
}

function reportOf(
  state: CallerState,
  { service, requests, retries, endpoints }: CallerView,
  nowMs: number,
  settings: CallerSettings,
): CallerReport | undefined {
  const told = state.get(service);
  const counts = { requests: requests - (told?.requests ?? 0), retries: retries - (told?.retries ?? 0) };
  if (told === undefined || nowMs >= told.wholeAtMs + settings.wholeAgainMs) {
    const called = bounded(
      endpoints.filter(({ seen }) => seen !== "none"),
      settings,
    );
    const isQuiet = called.length === 0 && counts.requests === 0 && (told?.endpoints.size ?? 0) === 0;
    return isQuiet ? undefined : { service, ...counts, whole: true, endpoints: called };
  }
  const changed = bounded(changesOf(told, endpoints, nowMs, settings), settings);
  return changed.length === 0 && counts.retries === 0 ? undefined : { service, ...counts, endpoints: changed };
}

function changesOf(
  { endpoints: told }: Told,
  endpoints: readonly SeenEndpoint[],
  nowMs: number,
  { failingAgainMs }: CallerSettings,
): SeenEndpoint[] {
  const there = new Set(endpoints.map(({ instance }) => instance));
  const left = [...told.keys()].filter((instance) => !there.has(instance));
  const changed = endpoints.filter(({ instance, seen }) => {
    const before = told.get(instance);
    if (seen !== (before?.seen ?? "none")) return true;
    return seen === "failing" && before !== undefined && nowMs >= before.atMs + failingAgainMs;
  });
  return [...changed, ...left.map((instance) => ({ instance, seen: "none" as const, good: 0, failed: 0 }))];
}

/** Those that fail come first. */
function bounded(endpoints: readonly SeenEndpoint[], { callerEndpointsMax }: CallerSettings): SeenEndpoint[] {
  const failing = endpoints.filter(({ seen }) => seen === "failing");
  const others = endpoints.filter(({ seen }) => seen !== "failing");
  return [...failing, ...others].slice(0, callerEndpointsMax);
}

function note(
  state: CallerState,
  { service, requests, retries }: CallerView,
  report: CallerReport,
  nowMs: number,
): void {
  const before = state.get(service);
  const endpoints: Told["endpoints"] = report.whole === true || before === undefined ? new Map() : before.endpoints;
  for (const { instance, seen } of report.endpoints)
    if (seen === "none") endpoints.delete(instance);
    else endpoints.set(instance, { seen, atMs: nowMs });
  const wholeAtMs = report.whole === true ? nowMs : (before?.wholeAtMs ?? nowMs);
  state.set(service, { endpoints, requests, retries, wholeAtMs });
}
