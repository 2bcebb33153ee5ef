/** What sums of counters say of usage: rows by route, consumer, plan, service or edge of the mesh, and when a service was down. */
import { limits } from "../limits.ts";
import { addCounts, type SeriesCounts, seriesKey } from "./counters.ts";
import { CLASS_COUNTERS, percentileMs, type ReportedCounts } from "./usage-counters.ts";

/** What usage is told by. */
export const USAGE_BY = ["routes", "consumers", "plans", "services", "edges"] as const;
export type UsageBy = (typeof USAGE_BY)[number];

/** Of one route, consumer, plan, service or edge. Ratios and percentiles are absent where nothing was counted. */
export interface UsageRow {
  /** `*`: all beyond the bound of what is told apart; empty: no route, or nobody who is known, or no plan. */
  readonly name: string;
  readonly requests: number;
  readonly perSecond: number;
  /** Of the requests, those that did not fail (5xx, or no answer), 0 to 1. */
  readonly success?: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers 5xx; of a service and an edge also calls without an answer. */
  readonly errors: number;
  /** 429 by the gateway or what is behind it; absent: of services and edges. */
  readonly limited?: number;
  /** 401 and 403, of an edge what access rules refused; absent: of services. */
  readonly denied?: number;
  /** Calls without an answer; of services and edges alone. */
  readonly noAnswer?: number;
  /** Of edges alone: who calls whom; `*`: several, which are not told apart. */
  readonly edge?: EdgeFacts;
  readonly meanMs?: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /** When it was down: slots of time in which half of the calls failed; of services alone. */
  readonly down?: readonly Outage[];
}

export interface EdgeFacts {
  readonly source: string;
  readonly destination: string;
  /** Calls that rules in shadow would have refused. */
  readonly wouldRefuse: number;
  /** Calls to endpoints that proved no identity. */
  readonly unsecured: number;
  /** Of the requests, connections of TCP or with a protocol of their own, which are counted when they open. */
  readonly connections: number;
  /** Such that were opened earlier were still there. */
  readonly isOpen: boolean;
}

export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  readonly requests: number;
  readonly failed: number;
}

export interface UsageFilter {
  /** `shadow`: what policies in shadow have judged, by `seriesKey`; see `shadow-report.ts`. */
  readonly by: UsageBy | "shadow";
  readonly route?: string | undefined;
  readonly consumer?: string | undefined;
  /** One end of an edge. */
  readonly of?: string | undefined;
}

/** Sums by name, of one slot or several. */
export type UsageGroups = Map<string, Record<string, number>>;

/** Which series rows are made of, and by which of their labels. */
const SOURCES: Readonly<Record<UsageBy, { readonly kind: string; readonly labelAt: number }>> = {
  routes: { kind: "usage", labelAt: 0 },
  consumers: { kind: "usage", labelAt: 1 },
  plans: { kind: "usage", labelAt: 2 },
  services: { kind: "call", labelAt: 0 },
  edges: { kind: "edge", labelAt: 0 },
};

/** Between both names of an edge; no name has a space. */
const ARROW = " -> ";

/** Adds what passes the filter to the sums of its name. */
export function addGroups(groups: UsageGroups, series: Iterable<SeriesCounts>, filter: UsageFilter): void {
  const { by } = filter;
  if (by === "shadow") {
    for (const { kind, labels, counts } of series)
      if (kind === "shadow" || kind === "serviceShadow") addTo(groups, seriesKey(kind, labels), counts);
    return;
  }
  const { kind: wanted, labelAt } = SOURCES[by];
  for (const { kind, labels, counts } of series) {
    if (kind !== wanted || !passes(labels, filter)) continue;
    addTo(groups, by === "edges" ? labels.join(ARROW) : (labels[labelAt] ?? ""), counts);
  }
}

function passes(labels: readonly string[], { by, route, consumer, of }: UsageFilter): boolean {
  if (by === "services") return true;
  if (by === "edges") return of === undefined || labels.includes(of);
  return (route === undefined || labels[0] === route) && (consumer === undefined || labels[1] === consumer);
}

/** Adds the sums of other groups to those of the same names. */
export function mergeGroups(groups: UsageGroups, others: UsageGroups): void {
  for (const [name, counts] of others) addTo(groups, name, counts);
}

/** Adds counts to the sums of a name. */
export function addTo(groups: UsageGroups, name: string, counts: ReportedCounts): void {
  const sums = groups.get(name) ?? {};
  groups.set(name, sums);
  addCounts(sums, counts);
}

/** @param spanMs time that the sums are of @returns rows, most requests first */
export function usageRows(groups: UsageGroups, by: UsageBy, spanMs: number): UsageRow[] {
  return [...groups]
    .map(([name, counts]) => rowOf(name, counts, by, spanMs))
    .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1));
}

function rowOf(name: string, counts: ReportedCounts, by: UsageBy, spanMs: number): UsageRow {
  const requests = requestsOf(counts);
  const errors = failedOf(counts);
  const statuses = Object.fromEntries(
    CLASS_COUNTERS.flatMap((counter) => (counts[counter] ? [[counter.slice(1), counts[counter]]] : [])),
  );
  const own = ownOf(name, counts, by);
  const perSecond = spanMs > 0 ? (requests * 1000) / spanMs : 0;
  if (requests === 0) return { name, requests, perSecond, statuses, errors, ...own };
  return {
    ...{ name, requests, perSecond: Math.round(perSecond * 1000) / 1000, success: (requests - errors) / requests },
    ...{ statuses, errors, ...own, ...timesOf(counts, requests - (counts.opened ?? 0)) },
  };
}

function ownOf(name: string, counts: ReportedCounts, by: UsageBy): Partial<UsageRow> {
  const { noAnswer = 0, limited = 0, denied = 0 } = counts;
  if (by === "services") return { noAnswer };
  if (by !== "edges") return { limited, denied };
  const [source = "", destination = ""] = name.split(ARROW);
  const { wouldRefuse = 0, plain: unsecured = 0, opened: connections = 0, open = 0 } = counts;
  return { noAnswer, denied, edge: { source, destination, wouldRefuse, unsecured, connections, isOpen: open > 0 } };
}

/** @param timed how many were; connections have no time */
function timesOf(counts: ReportedCounts, timed: number): Pick<UsageRow, "meanMs" | "p50Ms" | "p95Ms" | "p99Ms"> {
  if (timed <= 0) return {};
  const percentile = (percent: number): number => tenths(percentileMs(counts, percent) ?? 0);
  const meanMs = tenths((counts.sumMs ?? 0) / timed);
  return { meanMs, p50Ms: percentile(50), p95Ms: percentile(95), p99Ms: percentile(99) };
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

const requestsOf = (counts: ReportedCounts): number =>
  CLASS_COUNTERS.reduce((sum, counter) => sum + (counts[counter] ?? 0), counts.noAnswer ?? 0);

const failedOf = (counts: ReportedCounts): number => (counts.s5xx ?? 0) + (counts.noAnswer ?? 0);

/**
 * When something was down: slots in which so many of its calls failed, those that touch as one.
 * @param slots sums of its slots, the oldest first
 */
export function outagesOf(
  slots: readonly { readonly atMs: number; readonly counts: ReportedCounts }[],
  slotMs: number,
): Outage[] {
  const found: Outage[] = [];
  for (const { atMs, counts } of slots) {
    const [requests, failed] = [requestsOf(counts), failedOf(counts)];
    if (failed === 0 || failed * 100 < requests * limits.usage.downPercent) continue;
    const last = found.at(-1);
    const joins = last?.toMs === atMs;
    const before = joins ? last : { fromMs: atMs, requests: 0, failed: 0 };
    const outage = {
      fromMs: before.fromMs,
      toMs: atMs + slotMs,
      requests: before.requests + requests,
      failed: before.failed + failed,
    };
    if (joins) found[found.length - 1] = outage;
    else found.push(outage);
  }
  return found;
}
