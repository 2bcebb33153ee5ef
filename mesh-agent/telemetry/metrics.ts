/** Counters of an agent and their Prometheus text form (https://prometheus.io/docs/instrumenting/exposition_formats/). */

import { labelsOf } from "../../shared/http/metrics-text.ts";
import type { CounterOf } from "../../shared/policy/counters.ts";
import type { Fault } from "../../shared/policy/fault.ts";
import type { ConcurrencySettings, Priority } from "../../shared/policy/load-shedding.ts";
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
}

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
  readonly #requests: Record<Direction, Map<string, Series>> = {
    inbound: new Map(),
    outbound: new Map(),
    ingress: new Map(),
    expose: new Map(),
  };
  readonly #grpc = new Map<string, { direction: Direction; service: string; counts: number[] }>();
  readonly #retries = new Map<string, number>();
  /** By labels. */
  readonly #hedges = new Map<string, number>();
  /** By labels. */
  readonly #faults = new Map<string, number>();
  /** By labels. */
  readonly #mirrors = new Map<string, number>();
  /** By labels. */
  readonly #refused = new Map<string, number>();
  /** By labels. */
  readonly #shed = new Map<string, number>();
  /** By labels. */
  readonly #limited = new Map<string, number>();
  /** By labels. */
  readonly #uncounted = new Map<string, number>();

  /** @param service of the other side; a name of the plan or of the trust domain, so that the series are bounded */
  request(direction: Direction, service: string, status: number, durationMs: number): void {
    let series = this.#requests[direction].get(service);
    if (series === undefined) {
      series = { classes: Array(6).fill(0), buckets: Array(BUCKETS.length).fill(0), sumSeconds: 0 };
      this.#requests[direction].set(service, series);
    }
    const at = Math.min(5, Math.max(0, Math.floor(status / 100)));
    series.classes[at] = (series.classes[at] as number) + 1;
    const seconds = durationMs / 1000;
    series.sumSeconds += seconds;
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++;
    if (bucket < BUCKETS.length) series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
  }

  /** Requests to a service that this agent sent on, and attempts behind the first of them. */
  sentTo(service: string): { readonly requests: number; readonly retries: number } {
    let requests = 0;
    for (const direction of ["outbound", "ingress"] as const)
      for (const count of this.#requests[direction].get(service)?.classes ?? []) requests += count;
    return { requests, retries: this.#retries.get(service) ?? 0 };
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
    this.#retries.set(service, (this.#retries.get(service) ?? 0) + 1);
  }

  /** `sent`: a second attempt beside one without an answer; `won`: it answered first. */
  hedge(service: string, result: "sent" | "won" | "over_budget"): void {
    const key = labelsOf({ service, result });
    this.#hedges.set(key, (this.#hedges.get(key) ?? 0) + 1);
  }

  /** A request that the access list refuses; in shadow it went on all the same. @param from calling service */
  accessRefused(from: string, mode: "enforce" | "shadow"): void {
    const key = labelsOf({ from, mode });
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
  }

  /** A call that got trouble on purpose. */
  fault(service: string, kind: Fault["kind"]): void {
    const key = labelsOf({ service, kind });
    this.#faults.set(key, (this.#faults.get(key) ?? 0) + 1);
  }

  /** A call that was to be copied. */
  mirror(service: string, result: "sent" | "skipped"): void {
    const key = labelsOf({ service, result });
    this.#mirrors.set(key, (this.#mirrors.get(key) ?? 0) + 1);
  }

  /** A request that found no place at the application; in shadow it went on all the same. */
  shed(priority: Priority, mode: ConcurrencySettings["mode"]): void {
    const key = labelsOf({ priority, mode });
    this.#shed.set(key, (this.#shed.get(key) ?? 0) + 1);
  }

  /** A request beyond a limit; in shadow it went on all the same. @param limit a name of the plan */
  limited(direction: Direction, limit: string, mode: ConcurrencySettings["mode"]): void {
    const key = labelsOf({ direction, limit, mode });
    this.#limited.set(key, (this.#limited.get(key) ?? 0) + 1);
  }

  /** A call that could not be counted over all instances, by what held instead. @param limit a name of the plan */
  uncounted(limit: string, answered: CounterOf<"serviceLimit">): void {
    const key = labelsOf({ limit, answered });
    this.#uncounted.set(key, (this.#uncounted.get(key) ?? 0) + 1);
  }

  *#all(): Iterable<{ direction: Direction; service: string; series: Series }> {
    for (const direction of Object.keys(this.#requests) as Direction[])
      for (const [service, series] of this.#requests[direction]) yield { direction, service, series };
  }

  render(gauges: readonly Gauge[]): string {
    const lines: string[] = [];
    lines.push("# HELP selvage_requests_total Requests by direction, service and status class (0: no answer).");
    lines.push("# TYPE selvage_requests_total counter");
    for (const { direction, service, series } of this.#all())
      series.classes.forEach((count, at) => {
        if (count === 0) return;
        const status = at === 0 ? "0" : `${at}xx`;
        lines.push(`selvage_requests_total${labelsOf({ direction, service, status })} ${count}`);
      });
    lines.push("# HELP selvage_request_duration_seconds Time from a request's head to the end of its answer.");
    lines.push("# TYPE selvage_request_duration_seconds histogram");
    for (const { direction, service, series } of this.#all()) lines.push(...histogram({ direction, service }, series));
    if (this.#grpc.size > 0) {
      lines.push("# HELP selvage_grpc_requests_total Calls by gRPC by direction, service and status of gRPC.");
      lines.push("# TYPE selvage_grpc_requests_total counter");
    }
    for (const { direction, service, counts } of this.#grpc.values())
      counts.forEach((count, status) => {
        const labels = labelsOf({ direction, service, grpc_status: String(status) });
        if (count > 0) lines.push(`selvage_grpc_requests_total${labels} ${count}`);
      });
    lines.push("# HELP selvage_retries_total Attempts after the first.");
    lines.push("# TYPE selvage_retries_total counter");
    for (const [service, count] of this.#retries) lines.push(`selvage_retries_total${labelsOf({ service })} ${count}`);
    if (this.#hedges.size > 0) {
      lines.push("# HELP selvage_hedges_total Attempts beside one without an answer; over_budget ones were not sent.");
      lines.push("# TYPE selvage_hedges_total counter");
    }
    for (const [labels, count] of this.#hedges) lines.push(`selvage_hedges_total${labels} ${count}`);
    if (this.#refused.size > 0) {
      lines.push(
        "# HELP selvage_access_refused_total Requests that the access list refuses; in mode shadow they went on.",
      );
      lines.push("# TYPE selvage_access_refused_total counter");
    }
    for (const [labels, count] of this.#refused) lines.push(`selvage_access_refused_total${labels} ${count}`);
    if (this.#shed.size > 0) {
      lines.push("# HELP selvage_shed_total Requests without a place at the application; in mode shadow they went on.");
      lines.push("# TYPE selvage_shed_total counter");
    }
    for (const [labels, count] of this.#shed) lines.push(`selvage_shed_total${labels} ${count}`);
    if (this.#limited.size > 0) {
      lines.push("# HELP selvage_limited_total Requests beyond a limit; in mode shadow they went on.");
      lines.push("# TYPE selvage_limited_total counter");
    }
    for (const [labels, count] of this.#limited) lines.push(`selvage_limited_total${labels} ${count}`);
    if (this.#uncounted.size > 0) {
      lines.push("# HELP selvage_limit_uncounted_total Calls that could not be counted over all instances.");
      lines.push("# TYPE selvage_limit_uncounted_total counter");
    }
    for (const [labels, count] of this.#uncounted) lines.push(`selvage_limit_uncounted_total${labels} ${count}`);
    if (this.#faults.size > 0) {
      lines.push("# HELP selvage_faults_total Calls that got trouble on purpose.");
      lines.push("# TYPE selvage_faults_total counter");
    }
    for (const [labels, count] of this.#faults) lines.push(`selvage_faults_total${labels} ${count}`);
    if (this.#mirrors.size > 0) {
      lines.push("# HELP selvage_mirrored_total Copies of calls; skipped: too large, too many, or no endpoint.");
      lines.push("# TYPE selvage_mirrored_total counter");
    }
    for (const [labels, count] of this.#mirrors) lines.push(`selvage_mirrored_total${labels} ${count}`);
    lines.push(...this.tunnels.render(), ...this.shadows.render());
    lines.push(...gaugeLines(gauges));
    return `${lines.join("\n")}\n`;
  }
}

function histogram(labels: Record<string, string>, series: Series): string[] {
  const name = "selvage_request_duration_seconds";
  const count = series.classes.reduce((sum, one) => sum + one, 0);
  let below = 0;
  const lines = BUCKETS.map((bound, at) => {
    below += series.buckets[at] as number;
    return `${name}_bucket${labelsOf({ ...labels, le: String(bound) })} ${below}`;
  });
  lines.push(`${name}_bucket${labelsOf({ ...labels, le: "+Inf" })} ${count}`);
  lines.push(`${name}_sum${labelsOf(labels)} ${series.sumSeconds}`, `${name}_count${labelsOf(labels)} ${count}`);
  return lines;
}

/** Those of a name together, as the format has it. */
function gaugeLines(gauges: readonly Gauge[]): string[] {
  const families = new Map<string, Gauge[]>();
  for (const gauge of gauges) {
    const family = families.get(gauge.name) ?? [];
    families.set(gauge.name, family);
    family.push(gauge);
  }
  return [...families].flatMap(([name, family]) => [
    `# HELP ${name} ${family[0]?.help ?? ""}`,
    `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`,
    ...family.map(({ labels, value }) => `${name}${labelsOf(labels ?? {})} ${value}`),
  ]);
}
