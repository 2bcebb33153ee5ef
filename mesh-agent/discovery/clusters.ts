/** The services that this agent may call: their endpoints with connections, breakers and turns. */
import type { LoadReport } from "../../shared/http/load-report.ts";
import { limits } from "../../shared/limits.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import {
  type BreakerEvent,
  type BreakerState,
  breakerSend,
  breakerStep,
  breakerVerdict,
  leastRecentlyFailed,
  newBreaker,
} from "../../shared/policy/breaker.ts";
import { endpointKey } from "../../shared/policy/discovery-view.ts";
import { newRetryBudget } from "../../shared/policy/retry-budget.ts";
import { newRoundRobin, type RoundRobinState, roundRobinStep } from "../../shared/policy/round-robin.ts";
import { hasLabels } from "../../shared/policy/traffic.ts";
import { meanLoad } from "../../shared/policy/upstream-load.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import type { ClientPool } from "../proxy/engine.ts";

/** Connections to an endpoint of a service, made when first needed. */
export type MakePool = (service: string, endpoint: Endpoint, settings: OutboundServicePlan) => ClientPool;

export class ClusterEndpoint {
  readonly endpoint: Endpoint;
  readonly breaker: BreakerState = newBreaker();
  #pool: ClientPool | undefined;
  #load: { readonly report: LoadReport; readonly atMs: number } | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** What its agent says of its application's load. */
  hearLoad(report: LoadReport, nowMs: number): void {
    this.#load = { report, atMs: nowMs };
  }

  /** Undefined: it has not said it lately. */
  load(nowMs: number): LoadReport | undefined {
    if (this.#load === undefined || nowMs - this.#load.atMs > limits.agent.loadFreshMs) return undefined;
    return this.#load.report;
  }

  /** @param make makes the connections when there are none */
  pool(make: (endpoint: Endpoint) => ClientPool): ClientPool {
    this.#pool ??= make(this.endpoint);
    return this.#pool;
  }

  /** Lets go of the connections: idle ones end now, busy ones after their exchange. */
  close(): void {
    this.#pool?.close();
    this.#pool = undefined;
  }
}

export class Cluster {
  readonly service: string;
  readonly budget = newRetryBudget();
  settings: OutboundServicePlan;
  #endpoints: readonly ClusterEndpoint[] = [];
  /** Of each subset, since their endpoints are counted apart; without a subset the key is empty. */
  readonly #choices = new Map<string, { turn: RoundRobinState; endpoints: readonly ClusterEndpoint[] }>();
  readonly #makePool: MakePool;

  constructor(service: string, settings: OutboundServicePlan, makePool: MakePool) {
    this.service = service;
    this.settings = settings;
    this.#makePool = makePool;
  }

  get endpoints(): readonly ClusterEndpoint[] {
    return this.#endpoints;
  }

  /** Takes new settings and endpoints; an endpoint that stays keeps its connections and its history. */
  replace(settings: OutboundServicePlan, endpoints: readonly Endpoint[]): void {
    const sameConnections = settings.breaker.maxConnections === this.settings.breaker.maxConnections;
    this.settings = settings;
    const before = new Map(this.#endpoints.map((one) => [endpointKey(one.endpoint), one]));
    this.#endpoints = endpoints.map((endpoint) => {
      const known = before.get(endpointKey(endpoint));
      if (known === undefined || !sameLabels(known.endpoint, endpoint)) return new ClusterEndpoint(endpoint);
      before.delete(endpointKey(endpoint));
      if (!sameConnections) known.close();
      return known;
    });
    for (const gone of before.values()) gone.close();
    this.#choices.clear();
  }

  /** New connections from now on, such as with a new certificate; those in use end with their exchange. */
  renewConnections(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  pool(endpoint: ClusterEndpoint): ClientPool {
    return endpoint.pool((one) => this.#makePool(this.service, one, this.settings));
  }

  /**
   * Next endpoint of a subset for an attempt, which is taken note of.
   * @param tried endpoints of this request's earlier attempts; they come last
   * @returns undefined when the subset has no endpoints
   */
  pick(subset: string | undefined, tried: ReadonlySet<ClusterEndpoint>, nowMs: number): ClusterEndpoint | undefined {
    const { turn, endpoints } = this.#choice(subset);
    const at = (index: number): ClusterEndpoint => endpoints[index] as ClusterEndpoint;
    const isTried = (index: number): boolean => tried.has(at(index));
    const { breaker } = this.settings;
    let index = roundRobinStep(
      turn,
      endpoints.length,
      (one) => breakerVerdict(at(one).breaker, nowMs, breaker) !== "no",
      isTried,
    );
    if (index < 0)
      index = leastRecentlyFailed(
        endpoints.map((one) => one.breaker),
        isTried,
      );
    if (index < 0) return undefined;
    const picked = at(index);
    breakerSend(picked.breaker, nowMs);
    return picked;
  }

  /** Whether an attempt could go to an endpoint that this request has not tried and that is not ejected. */
  hasUntried(subset: string | undefined, tried: ReadonlySet<ClusterEndpoint>, nowMs: number): boolean {
    return this.#choice(subset).endpoints.some(
      (one) => !tried.has(one) && breakerVerdict(one.breaker, nowMs, this.settings.breaker) === "yes",
    );
  }

  record(endpoint: ClusterEndpoint, event: BreakerEvent, nowMs: number): void {
    breakerStep(endpoint.breaker, event, nowMs, this.settings.breaker);
  }

  /** Of the whole service, as far as its instances have said it lately. */
  load(nowMs: number): LoadReport | undefined {
    return meanLoad(this.#endpoints.flatMap((one) => one.load(nowMs) ?? []));
  }

  #choice(subset: string | undefined): { turn: RoundRobinState; endpoints: readonly ClusterEndpoint[] } {
    const key = subset ?? "";
    let choice = this.#choices.get(key);
    if (choice === undefined) {
      const wanted = subset === undefined ? undefined : this.settings.subsets[subset];
      const known = subset === undefined || wanted !== undefined;
      const endpoints = known ? this.#endpoints.filter(({ endpoint }) => hasLabels(endpoint.labels, wanted)) : [];
      choice = { turn: newRoundRobin(), endpoints };
      this.#choices.set(key, choice);
    }
    return choice;
  }
}

function sameLabels(one: Endpoint, other: Endpoint): boolean {
  return hasLabels(one.labels, other.labels) && hasLabels(other.labels, one.labels);
}

export class Clusters {
  readonly #clusters = new Map<string, Cluster>();
  readonly #makePool: MakePool;

  constructor(makePool: MakePool) {
    this.#makePool = makePool;
  }

  get(service: string): Cluster | undefined {
    return this.#clusters.get(service);
  }

  get names(): string[] {
    return [...this.#clusters.keys()].sort();
  }

  [Symbol.iterator](): IterableIterator<Cluster> {
    return this.#clusters.values();
  }

  /** Takes a plan and a view as they are now. */
  update(
    services: Readonly<Record<string, OutboundServicePlan>>,
    endpoints: Readonly<Record<string, readonly Endpoint[]>>,
  ): void {
    for (const [service, cluster] of this.#clusters) {
      if (Object.hasOwn(services, service)) continue;
      cluster.replace(cluster.settings, []);
      this.#clusters.delete(service);
    }
    for (const [service, settings] of Object.entries(services)) {
      let cluster = this.#clusters.get(service);
      if (cluster === undefined) {
        cluster = new Cluster(service, settings, this.#makePool);
        this.#clusters.set(service, cluster);
      }
      cluster.replace(settings, Object.hasOwn(endpoints, service) ? (endpoints[service] ?? []) : []);
    }
  }

  renewConnections(): void {
    for (const cluster of this.#clusters.values()) cluster.renewConnections();
  }

  close(): void {
    this.renewConnections();
  }
}
