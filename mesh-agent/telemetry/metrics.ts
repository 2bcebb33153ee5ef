/** What an agent counts. */

import type { LoadReport } from "../../shared/http/load-report.ts";
import type { Exemplar, MetricFamily, Sample } from "../../shared/http/metrics-text.ts";
import type { CounterOf } from "../../shared/policy/counters.ts";
import type { Fault } from "../../shared/policy/fault.ts";
import type { ConcurrencySettings, Priority } from "../../shared/policy/load-shedding.ts";
import { LabelledCounter } from "./labelled-counter.ts";
import { ShadowCounts } from "./shadow-counts.ts";
import { TunnelMetrics } from "./tunnel-metrics.ts";

export type Direction = "inbound" | "outbound" | "ingress" | "expose";

/** Upper bounds of the duration histogram, seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Statuses of gRPC, from 0. */
const GRPC_CODES = 17;

interface Series {
  /** Requests by status class 0 (no answer) to 5. */
  readonly classes: number[];
  readonly buckets: number[];
  sumSeconds: number;
  /** The last of each bucket; made by the first. */
  exemplars: (Exemplar | undefined)[] | undefined;
}

/** The span of a request, where it is kept. */
type KeptSpan = Pick<Exemplar, "traceId" | "spanId">;

/** A value that is read when it is asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Metrics {
  readonly tunnels = new TunnelMetrics();
  readonly shadows = new ShadowCounts();
  /** Requests and tunnels that are not over. */
  readonly inFlight: Record<Direction, number> = { inbound: 0, outbound: 0, ingress: 0, expose: 0 };
  /** Of the application, where it is measured. */
  load: (() => LoadReport) | undefined;
  readonly #requests: Record<Direction, Map<string, Series>> = {
    inbound: new Map(),
    outbound: new Map(),
    ingress: new Map(),
    expose: new Map(),
  };
  readonly #grpc = new Map<string, { direction: Direction; service: string; counts: number[] }>();
  readonly #retries = new LabelledCounter("selvage_retries_total", "Attempts after the first.");
  readonly #hedges = new LabelledCounter(
    "selvage_hedges_total",
    "Attempts beside one without an answer; over_budget ones were not sent.",
  );
  readonly #faults = new LabelledCounter("selvage_faults_total", "Calls that got trouble on purpose.");
  readonly #mirrors = new LabelledCounter(
    "selvage_mirrored_total",
    "Copies of calls; skipped: too large, too many, or no endpoint.",
  );
  readonly #refused = new LabelledCounter(
    "selvage_access_refused_total",
    "Requests that the access list refuses; in mode shadow they went on.",
  );
  readonly #shed = new LabelledCounter(
    "selvage_shed_total",
    "Requests without a place at the application; in mode shadow they went on.",
  );
  readonly #limited = new LabelledCounter(
    "selvage_limited_total",
    "Requests beyond a limit; in mode shadow they went on.",
  );
  readonly #uncounted = new LabelledCounter(
    "selvage_limit_uncounted_total",
    "Calls that could not be counted over all instances.",
  );

  /**
   * @param service of the other side; a name of the plan or of the trust domain, so that the series are bounded
   * @param kept what becomes an exemplar, of each bucket the last one
   */
  request(direction: Direction, service: string, status: number, durationMs: number, kept?: KeptSpan): void {
    let series = this.#requests[direction].get(service);
    if (series === undefined) {
      series = {
        classes: Array(6).fill(0),
        buckets: Array(BUCKETS.length).fill(0),
        sumSeconds: 0,
        exemplars: undefined,
      };
      this.#requests[direction].set(service, series);
    }
    const at = Math.min(5, Math.max(0, Math.floor(status / 100)));
    series.classes[at] = (series.classes[at] as number) + 1;
    const seconds = durationMs / 1000;
    series.sumSeconds += seconds;
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++;
    if (bucket < BUCKETS.length) series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
    if (kept === undefined) return;
    series.exemplars ??= [];
    series.exemplars[bucket] = { traceId: kept.traceId, spanId: kept.spanId, value: seconds, atMs: Date.now() };
  }

  /** Requests to a service that this agent sent on, and attempts behind the first of them. */
  sentTo(service: string): { readonly requests: number; readonly retries: number } {
    let requests = 0;
    for (const direction of ["outbound", "ingress"] as const)
      for (const count of this.#requests[direction].get(service)?.classes ?? []) requests += count;
    return { requests, retries: this.#retries.valueOf({ service }) };
  }

  /** How a call by gRPC ended. */
  grpc(direction: Direction, service: string, status: number): void {
    const key = `${direction} ${service}`;
    let entry = this.#grpc.get(key);
    if (entry === undefined) {
      entry = { direction, service, counts: Array(GRPC_CODES).fill(0) };
      this.#grpc.set(key, entry);
    }
    entry.counts[status] = (entry.counts[status] as number) + 1;
  }

  retry(service: string): void {
    this.#retries.add({ service });
  }

  /** `sent`: a second attempt beside one without an answer; `won`: it answered first. */
  hedge(service: string, result: "sent" | "won" | "over_budget"): void {
    this.#hedges.add({ service, result });
  }

  /** A request that the access list refuses; in shadow it went on all the same. @param from calling service */
  accessRefused(from: string, mode: "enforce" | "shadow"): void {
    this.#refused.add({ from, mode });
  }

  /** A call that got trouble on purpose. */
  fault(service: string, kind: Fault["kind"]): void {
    this.#faults.add({ service, kind });
  }

  /** A call that was to be copied. */
  mirror(service: string, result: "sent" | "skipped"): void {
    this.#mirrors.add({ service, result });
  }

  /** A request that found no place at the application; in shadow it went on all the same. */
  shed(priority: Priority, mode: ConcurrencySettings["mode"]): void {
    this.#shed.add({ priority, mode });
  }

  /** A request beyond a limit; in shadow it went on all the same. @param limit a name of the plan */
  limited(direction: Direction, limit: string, mode: ConcurrencySettings["mode"]): void {
    this.#limited.add({ direction, limit, mode });
  }

  /** A call that could not be counted over all instances, by what held instead. @param limit a name of the plan */
  uncounted(limit: string, answered: CounterOf<"serviceLimit">): void {
    this.#uncounted.add({ limit, answered });
  }

  *#all(): Iterable<{ direction: Direction; service: string; series: Series }> {
    for (const direction of Object.keys(this.#requests) as Direction[])
      for (const [service, series] of this.#requests[direction]) yield { direction, service, series };
  }

  /** @param gauges those of a name together */
  families(gauges: readonly Gauge[]): MetricFamily[] {
    return [
      {
        name: "selvage_requests_total",
        type: "counter",
        help: "Requests by direction, service and status class (0: no answer).",
        samples: [...this.#all()].flatMap(({ direction, service, series }) =>
          series.classes.flatMap((value, at) => {
            const status = at === 0 ? "0" : `${at}xx`;
            return value === 0 ? [] : [{ labels: { direction, service, status }, value }];
          }),
        ),
      },
      {
        name: "selvage_request_duration_seconds",
        type: "histogram",
        help: "Time from a request's head to the end of its answer.",
        samples: [...this.#all()].flatMap(({ direction, service, series }) =>
          histogram({ direction, service }, series),
        ),
      },
      {
        name: "selvage_grpc_requests_total",
        type: "counter",
        help: "Calls by gRPC by direction, service and status of gRPC.",
        samples: [...this.#grpc.values()].flatMap(({ direction, service, counts }) =>
          counts.flatMap((value, status) =>
            value === 0 ? [] : [{ labels: { direction, service, grpc_status: String(status) }, value }],
          ),
        ),
      },
      ...[this.#retries, this.#hedges, this.#refused, this.#shed, this.#limited, this.#uncounted].map(familyOf),
      ...[this.#faults, this.#mirrors].map(familyOf),
      {
        name: "selvage_requests_in_flight",
        type: "gauge",
        help: "Requests and tunnels by direction that are not over.",
        samples: Object.entries(this.inFlight).map(([direction, value]) => ({ labels: { direction }, value })),
      },
      ...loadFamilies(this.load?.()),
      ...this.tunnels.families(),
      ...this.shadows.families(),
      ...gaugeFamilies(gauges),
    ];
  }
}

const familyOf = (counter: LabelledCounter): MetricFamily => counter.family;

function histogram(labels: Record<string, string>, { classes, buckets, sumSeconds, exemplars }: Series): Sample[] {
  const count = classes.reduce((sum, one) => sum + one, 0);
  let below = 0;
  const bounded = BUCKETS.map((bound, at) => {
    below += buckets[at] as number;
    const exemplar = exemplars?.[at];
    return { suffix: "_bucket", labels: { ...labels, le: String(bound) }, value: below, exemplar };
  });
  return [
    ...bounded,
    { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count, exemplar: exemplars?.[BUCKETS.length] },
    { suffix: "_sum", labels, value: sumSeconds },
    { suffix: "_count", labels, value: count },
  ];
}

function loadFamilies(load: LoadReport | undefined): MetricFamily[] {
  if (load === undefined) return [];
  const { places, utilization } = load;
  return [
    {
      name: "selvage_concurrency_places",
      type: "gauge",
      help: "Requests that the application takes at once, as load shedding has found.",
      samples: [{ labels: {}, value: places }],
    },
    {
      name: "selvage_concurrency_utilization_ratio",
      type: "gauge",
      help: "Share of these places that is in use, lately.",
      samples: [{ labels: {}, value: utilization }],
    },
  ];
}

/** Those of a name together, as the formats have it. */
function gaugeFamilies(gauges: readonly Gauge[]): MetricFamily[] {
  const families = new Map<string, { help: string; samples: Sample[] }>();
  for (const { name, help, labels = {}, value } of gauges) {
    const family = families.get(name) ?? { help, samples: [] };
    families.set(name, family);
    family.samples.push({ labels, value });
  }
  return [...families].map(([name, family]) => ({
    name,
    type: name.endsWith("_total") ? "counter" : "gauge",
    ...family,
  }));
}
