/**
 * What an isolate counts, by name, for operators: series of a kind with labels, each with the same few counters. It is
 * plain state; whoever counts keeps the series and writes `series.counts.refused++`, which allocates nothing.
 *
 * Reports carry what was counted since the one before. A report stays the same until it was acknowledged, and the next
 * one has the next number: whoever takes each number once has counted everything once, whatever is lost on the way.
 */
import { limits } from "../limits.ts";
import type { RouteExemplar, RouteExemplars } from "./route-exemplars.ts";
import { CLASS_COUNTERS, LATENCY_COUNTERS } from "./usage-counters.ts";

const bounds = limits.counters;

/**
 * Everything that is counted. As a metric: `selvage_<kind>_<counter>_total{<labels>}`.
 *
 * `limit`: `passed` and `refused` of requests by the count, `open` and `closed` of requests that could not be counted,
 * `wouldRefuse` of requests that passed in shadow; `asked` and `failed` of questions to limiters.
 * `serviceLimit`: calls from the mesh that could not be counted over all instances of their service, by what held instead.
 * `upstream`: `shed` and `wouldShed` of load shedding; of `gateway.upstreams` attempts that are `retries` and `hedges`, `ejections` of
 * targets, and requests in `panics`: no target was thought to be healthy.
 * `deprecated`: requests of deprecated routes by who called. `fault`: requests that trouble was made for. `mirror`: copies; `skipped`
 * for want of room, or since the content was too large or of no stated length.
 * `validation`: requests and answers (`side`) that were held to a contract: `valid`, `invalid`, `skipped` since they were too large or
 * too many to be read in shadow, `unavailable` since their contract was. `drift`: those in which something was found, by operation,
 * place and keyword.
 * `version`: requests by which of two versions decided them, while there are two: `errors` failed, `refused` got another problem.
 * `shadow`: requests that a policy in shadow has judged, by what it would have refused them with (empty: it would not have).
 * `serviceShadow`: the same of policies of a service, which its agents count.
 * `usage`: requests by status and latency (`usage-counters.ts`); `limited` of them got 429, `denied` 401 or 403.
 * `call`: the same of calls to what routes lead to, until the head of its answer; `noAnswer`: there was none.
 * `edge`: the same of calls between workloads of the mesh, until the end of the answer, as agents count them; `denied` of them were refused by
 * access rules, `wouldRefuse` passed rules in shadow, `plain` went to an endpoint that proves no identity. `opened`: connections of TCP or
 * with a protocol of their own; `open`: such that were there when it was told.
 * `cache`: requests by what the cache did (`CacheUse` of the access log), and `bytes` of content that came out of it.
 */
export const counterKinds = {
  limit: {
    labels: ["route", "limit"],
    counters: ["passed", "refused", "open", "closed", "wouldRefuse", "asked", "failed"],
  },
  serviceLimit: { labels: ["service", "limit"], counters: ["share", "open", "closed"] },
  upstream: {
    labels: ["upstream"],
    counters: ["shed", "wouldShed", "retries", "hedges", "hedgesWon", "ejections", "panics"],
  },
  deprecated: { labels: ["route", "caller"], counters: ["requests"] },
  fault: { labels: ["route"], counters: ["delay", "abort"] },
  mirror: { labels: ["route"], counters: ["sent", "skipped", "failed"] },
  validation: { labels: ["route", "side"], counters: ["valid", "invalid", "skipped", "unavailable"] },
  drift: { labels: ["route", "operation", "side", "place", "keyword"], counters: ["requests"] },
  version: { labels: ["version", "route"], counters: ["requests", "errors", "refused"] },
  cache: {
    labels: ["route"],
    counters: ["hit", "stale", "revalidated", "error", "collapsed", "miss", "pass", "bytes"],
  },
  shadow: { labels: ["route", "policy", "error"], counters: ["requests"] },
  serviceShadow: { labels: ["service", "policy", "error"], counters: ["requests"] },
  usage: {
    labels: ["route", "consumer", "plan"],
    counters: [...CLASS_COUNTERS, "limited", "denied", "sumMs", ...LATENCY_COUNTERS],
  },
  call: { labels: ["upstream"], counters: [...CLASS_COUNTERS, "noAnswer", "sumMs", ...LATENCY_COUNTERS] },
  edge: {
    labels: ["source", "destination"],
    counters: [
      ...CLASS_COUNTERS,
      ...(["noAnswer", "denied", "wouldRefuse", "plain", "opened", "open", "sumMs"] as const),
      ...LATENCY_COUNTERS,
    ],
  },
} as const satisfies Record<string, { readonly labels: readonly string[]; readonly counters: readonly string[] }>;

export type CounterKind = keyof typeof counterKinds;
export type CounterOf<Kind extends CounterKind> = (typeof counterKinds)[Kind]["counters"][number];

export interface Series<Kind extends CounterKind = CounterKind> {
  readonly kind: Kind;
  readonly labels: readonly string[];
  readonly counts: Record<CounterOf<Kind>, number>;
  /** How much of it is in a report. */
  readonly reported: Record<CounterOf<Kind>, number>;
}

/** One series as it is told: what was counted, zeros left out. */
export interface SeriesCounts {
  readonly kind: string;
  readonly labels: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

export interface CounterReport {
  /** From 1; each number is one report. */
  readonly seq: number;
  readonly series: readonly SeriesCounts[];
  /** Absent: there was none. */
  readonly exemplars?: readonly RouteExemplar[];
}

export interface CounterState {
  readonly series: Map<string, Series>;
  /** Since the last report; made by the first. */
  exemplars: RouteExemplars | undefined;
  /** The last report that was made, and when. */
  seq: number;
  madeAtMs: number;
  /** It, until it is acknowledged. */
  pending: CounterReport | undefined;
  /** Whether something was counted since that an operator should hear of at once; set by whoever counts it. */
  urgent: boolean;
}

export const newCounters = (): CounterState => ({
  series: new Map(),
  exemplars: undefined,
  seq: 0,
  madeAtMs: 0,
  pending: undefined,
  urgent: false,
});

/** Label of the series in which those beyond the bound are counted together. */
export const OTHERS = "*";

/** The series of these labels; made when there is none. @param labels as `counterKinds` names them, in this order */
export function seriesOf<Kind extends CounterKind>(
  state: CounterState,
  kind: Kind,
  ...labels: readonly string[]
): Series<Kind> {
  const told = labels.map((label) => label.slice(0, bounds.labelCharsMax));
  const key = seriesKey(kind, told);
  const known = state.series.get(key);
  if (known !== undefined) return known as Series<Kind>;
  if (state.series.size >= bounds.seriesMax && told.some((label) => label !== OTHERS))
    return seriesOf(state, kind, ...told.map(() => OTHERS));
  const made = { kind, labels: told, counts: zeros(kind), reported: zeros(kind) };
  state.series.set(key, made as unknown as Series);
  return made;
}

/** The report to send now: the one that was not acknowledged, or a new one; these are `reportEveryMs` apart unless it is urgent. */
export function takeReport(state: CounterState, nowMs: number): CounterReport | undefined {
  const age = nowMs - state.madeAtMs;
  // What a lost report told is lost with it: told much later it would be taken for news.
  if (state.pending !== undefined && age >= 0 && age < bounds.reportKeptMs) return state.pending;
  state.pending = undefined;
  if (!state.urgent && state.seq > 0 && age >= 0 && age < bounds.reportEveryMs) return undefined;
  const series = takeSeries(state.series);
  state.urgent = false;
  if (series.length === 0) return undefined;
  state.madeAtMs = nowMs;
  const exemplars = state.exemplars && [...state.exemplars.values()];
  state.exemplars = undefined;
  state.pending = { seq: ++state.seq, series, ...(exemplars !== undefined && { exemplars }) };
  return state.pending;
}

/** As many as a report holds. They go behind all others, so that each gets its turn. */
function takeSeries(all: Map<string, Series>): SeriesCounts[] {
  const told: SeriesCounts[] = [];
  let chars = 0;
  const isBulk = ([, { kind }]: readonly [string, Series]): boolean => kind === "usage" || kind === "call";
  const entries = [...all];
  // What alarms and canaries are judged by does not wait for what is of use over days.
  const inOrder = [...entries.filter((entry) => !isBulk(entry)), ...entries.filter(isBulk)];
  for (const [key, one] of inOrder) {
    if (told.length >= bounds.reportSeriesMax || chars >= bounds.reportCharsMax) break;
    const counts = takeUnreported(one);
    if (counts === undefined) continue;
    const series = { kind: one.kind, labels: one.labels, counts };
    chars += JSON.stringify(series).length;
    told.push(series);
    all.delete(key);
    all.set(key, one);
  }
  return told;
}

/** The control plane has counted all reports up to this one. */
export function acknowledgeReport(state: CounterState, seq: number): void {
  if (state.pending !== undefined && state.pending.seq <= seq) state.pending = undefined;
}

/** Which of the series is meant, as one text. */
export function seriesKey(kind: string, labels: readonly string[]): string {
  return [kind, ...labels].join("\n");
}

/** Adds counts to sums of the same names. */
export function addCounts(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [counter, count] of Object.entries(counts)) sums[counter] = (sums[counter] ?? 0) + count;
}

function takeUnreported({ kind, counts, reported }: Series): Record<string, number> | undefined {
  const found: Record<string, number> = {};
  const [all, told] = [counts as Record<string, number>, reported as Record<string, number>];
  for (const counter of counterKinds[kind].counters) {
    // Sums of times may have parts of a millisecond, which wait for the next report.
    const now = Math.floor(all[counter] ?? 0);
    const more = now - (told[counter] ?? 0);
    if (more <= 0) continue;
    found[counter] = more;
    told[counter] = now;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

function zeros<Kind extends CounterKind>(kind: Kind): Record<CounterOf<Kind>, number> {
  return Object.fromEntries(counterKinds[kind].counters.map((counter) => [counter, 0])) as Record<
    CounterOf<Kind>,
    number
  >;
}
