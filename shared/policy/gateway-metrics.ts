/** What gateways counted since the beginning, as metrics. Their names and labels are in docs/usage.md, and stay. */
import type { Exemplar, MetricFamily, Sample } from "../http/metrics-text.ts";
import { counterKinds, type SeriesCounts } from "./counters.ts";
import { exemplarOf, type RouteExemplar, type RouteExemplars } from "./route-exemplars.ts";
import { CLASS_COUNTERS, cumulativeBuckets, type LatencyCounter, type ReportedCounts } from "./usage-counters.ts";
import { addTo, type UsageGroups } from "./usage-report.ts";

/** @param series sums that never fall */
export function gatewayMetrics(series: readonly SeriesCounts[], exemplars: RouteExemplars = new Map()): MetricFamily[] {
  const of = (wanted: string): SeriesCounts[] => series.filter(({ kind }) => kind === wanted);
  const [usage, calls] = [of("usage"), of("call")];
  return [
    {
      name: "selvage_gateway_requests_total",
      type: "counter",
      help: "Requests by route, consumer, plan and class of the answer's status.",
      samples: usage.flatMap(({ labels, counts }) => statusSamples(labelled("usage", labels), counts)),
    },
    {
      name: "selvage_gateway_refused_requests_total",
      type: "counter",
      help: "Requests by route that were answered 429 (limited), or 401 or 403 (denied).",
      samples: refusedSamples(byFirstLabel(usage)),
    },
    {
      name: "selvage_gateway_request_duration_seconds",
      type: "histogram",
      help: "Time from a request's arrival until the head of its answer, by route.",
      samples: [...byFirstLabel(usage)].flatMap(([route, counts]) =>
        histogramSamples({ route }, counts, (bucket) => exemplarOf(exemplars, route, bucket)),
      ),
    },
    {
      name: "selvage_gateway_upstream_calls_total",
      type: "counter",
      help: "Calls to services, upstreams and origins by class of status; none: there was no answer.",
      samples: calls.flatMap(({ labels, counts }) => statusSamples(labelled("call", labels), counts)),
    },
    {
      name: "selvage_gateway_upstream_call_duration_seconds",
      type: "histogram",
      help: "Time of these calls until the head of the answer.",
      samples: [...byFirstLabel(calls)].flatMap(([upstream, counts]) => histogramSamples({ upstream }, counts)),
    },
    {
      name: "selvage_gateway_shadow_judged_total",
      type: "counter",
      help: "Requests that a policy in shadow has judged, by route.",
      samples: judgedSamples(of("shadow")),
    },
    {
      name: "selvage_gateway_would_refuse_total",
      type: "counter",
      help: "Requests that a policy in shadow would have refused, by route and code.",
      samples: of("shadow").flatMap(({ labels, counts }) =>
        labels[2] === "" ? [] : [{ labels: labelled("shadow", labels), value: counts.requests ?? 0 }],
      ),
    },
    {
      name: "selvage_gateway_cache_bytes_total",
      type: "counter",
      help: "Bytes of content that came out of the cache, by route.",
      samples: of("cache").flatMap(({ labels, counts }) => eventSamples("cache", labels, { bytes: counts.bytes ?? 0 })),
    },
    ...EVENTS.map(({ kind, help }) => ({
      name: `selvage_gateway_${kind}_events_total`,
      type: "counter" as const,
      help,
      samples: of(kind).flatMap(({ labels, counts: { bytes: _, ...counts } }) =>
        eventSamples(kind, labels, counts, true),
      ),
    })),
  ];
}

const EVENTS = [
  { kind: "limit", help: "Requests that a limit looked at, and its questions to limiters, by what became of them." },
  { kind: "upstream", help: "Load shedding, retries, hedges and ejections by upstream." },
  { kind: "cache", help: "Requests by route and what the cache did." },
  { kind: "fault", help: "Requests that trouble was made for, by route." },
  { kind: "mirror", help: "Copies of requests by route." },
  { kind: "validation", help: "Requests and answers that were held to a contract, by route." },
] as const;

function labelled(kind: keyof typeof counterKinds, labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(counterKinds[kind].labels.map((name, at) => [name, labels[at] ?? ""]));
}

/** Requests by class of status, beside other labels. */
export function statusSamples(labels: Record<string, string>, counts: ReportedCounts): Sample[] {
  const classes = CLASS_COUNTERS.map((counter) => [counter.slice(1), counts[counter] ?? 0] as const);
  const all = [...classes, ["none", counts.noAnswer ?? 0] as const];
  return all.flatMap(([status, value]) => (value === 0 ? [] : [{ labels: { ...labels, status }, value }]));
}

function refusedSamples(routes: ReadonlyMap<string, ReportedCounts>): Sample[] {
  return [...routes].flatMap(([route, counts]) =>
    (["limited", "denied"] as const).map((reason) => ({ labels: { route, reason }, value: counts[reason] ?? 0 })),
  );
}

/** Samples of a histogram, beside other labels. */
export function histogramSamples(
  labels: Record<string, string>,
  counts: ReportedCounts,
  exemplar: (bucket: LatencyCounter) => RouteExemplar | undefined = () => undefined,
): Sample[] {
  const buckets = cumulativeBuckets(counts);
  return [
    ...buckets.map(({ name, leSeconds, count }) => ({
      suffix: "_bucket",
      labels: { ...labels, le: Number.isFinite(leSeconds) ? String(leSeconds) : "+Inf" },
      value: count,
      exemplar: inSeconds(exemplar(name)),
    })),
    { suffix: "_sum", labels, value: (counts.sumMs ?? 0) / 1000 },
    { suffix: "_count", labels, value: buckets.at(-1)?.count ?? 0 },
  ];
}

function inSeconds(one: RouteExemplar | undefined): Exemplar | undefined {
  if (one === undefined) return undefined;
  const { traceId, spanId, ms, atMs } = one;
  return { traceId, spanId, value: ms / 1000, atMs };
}

function judgedSamples(series: readonly SeriesCounts[]): Sample[] {
  const sums: UsageGroups = new Map();
  for (const { labels, counts } of series) addTo(sums, labels.slice(0, 2).join("\n"), counts);
  return [...sums].map(([key, { requests = 0 }]) => {
    const [route = "", policy = ""] = key.split("\n");
    return { labels: { route, policy }, value: requests };
  });
}

function eventSamples(
  kind: keyof typeof counterKinds,
  labels: readonly string[],
  counts: ReportedCounts,
  named = false,
): Sample[] {
  return Object.entries(counts).map(([event, value]) => ({
    labels: named ? { ...labelled(kind, labels), event } : labelled(kind, labels),
    value,
  }));
}

/** Sums over all labels but the first: histograms by consumer would be too many series. */
function byFirstLabel(series: readonly SeriesCounts[]): UsageGroups {
  const sums: UsageGroups = new Map();
  for (const { labels, counts } of series) addTo(sums, labels[0] ?? "", counts);
  return sums;
}
