/**
 * What this agent and the others know together of the services that they call: it tells how its calls went, from counters that outlier
 * detection and metrics have anyway, and takes advice.
 */
import { limits } from "../../shared/limits.ts";
import {
  type CallerReport,
  type CallerState,
  type CallerView,
  seenAs,
  stepCaller,
  tellAnew,
} from "../../shared/policy/caller-view.ts";
import { advanceRing } from "../../shared/policy/outcome-ring.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Cluster, Clusters } from "./clusters.ts";

/** The way to the control plane. */
export interface Listener {
  readonly connected: boolean;
  observed(services: CallerReport[]): void;
}

export class FleetLink {
  readonly #clusters: Clusters;
  readonly #metrics: Pick<Metrics, "sentTo">;
  readonly #state: CallerState = new Map();
  /** When advice about a service ends. */
  readonly #ends = new Map<string, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clusters: Clusters, metrics: Pick<Metrics, "sentTo">) {
    this.#clusters = clusters;
    this.#metrics = metrics;
  }

  /** From a random moment on, so that agents which start together do not speak together. @param random at least 0, below 1 */
  start(listener: Listener, random: number): void {
    const { observeEveryMs } = limits.fleet;
    this.#timer = setTimeout(() => {
      this.look(listener);
      this.#timer = setInterval(() => this.look(listener), observeEveryMs).unref();
    }, random * observeEveryMs).unref();
  }

  /** A new connection: whoever hears it may know nothing of this agent's calls. */
  connected(): void {
    tellAnew(this.#state);
  }

  /**
   * What most callers see failing.
   * @param avoid instances of the service that get a smaller share for that time; none: all are alike again
   */
  advised(service: string, avoid: readonly string[], forMs: number): void {
    clearTimeout(this.#ends.get(service));
    this.#ends.delete(service);
    this.#clusters.get(service)?.advise(new Set(avoid));
    if (avoid.length > 0) this.#ends.set(service, setTimeout(() => this.advised(service, [], 0), forMs).unref());
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const end of this.#ends.values()) clearTimeout(end);
  }

  /** Looks once, and tells what has changed; without a connection all of it waits. */
  look(listener: Listener): void {
    if (!listener.connected) return;
    const nowMs = performance.now();
    const views = [...this.#clusters].map((one) => ({ ...viewOf(one, nowMs), ...this.#metrics.sentTo(one.service) }));
    const reports = stepCaller(this.#state, views, nowMs, limits.fleet);
    if (reports.length > 0) listener.observed(reports);
  }
}

function viewOf({ service, endpoints, settings }: Cluster, nowMs: number): Pick<CallerView, "service" | "endpoints"> {
  const seen = endpoints.map(({ endpoint: { instance }, breaker }) => {
    const { recent, isOutlier } = breaker;
    advanceRing(recent, nowMs, settings.breaker.successRate.windowMs);
    const { goodAll: good, failedAll: failed } = recent;
    return { instance, seen: seenAs(recent, isOutlier, limits.fleet.failuresMin), good, failed };
  });
  return { service, endpoints: seen };
}
