/** The services that this agent may call: their endpoints with connections, health and load. */
import { isDeepStrictEqual } from "node:util";
import type { Reach } from "../../shared/discovery/settings.ts";
import type { LoadReport } from "../../shared/http/load-report.ts";
import { limits } from "../../shared/limits.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import type { BreakerEvent } from "../../shared/policy/breaker.ts";
import { endpointKey } from "../../shared/policy/endpoint.ts";
import { answerSampleMs, latencyMsAt, observeLatency, weightOf } from "../../shared/policy/endpoint-load.ts";
import { newHedge, noteHedgeLatency } from "../../shared/policy/hedge.ts";
import {
  newServiceHealth,
  outlierEnd,
  outlierSend,
  outlierVerdict,
  recountHealth,
  type ServiceHealth,
} from "../../shared/policy/outlier.ts";
import { newRetryBudget, type RetryBudgetState } from "../../shared/policy/retry-budget.ts";
import { asksForUser, hasLabels } from "../../shared/policy/traffic.ts";
import { meanLoad } from "../../shared/policy/upstream-load.ts";
import { ZONE_LABEL } from "../../shared/policy/zones.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import type { ClientPool } from "../proxy/engine.ts";
import { Choice, type PickBy } from "./choice.ts";
import { ClusterEndpoint } from "./cluster-endpoint.ts";
import { isFound } from "./found-endpoint.ts";
import type { SecondVersion } from "./second-version.ts";

/** Connections to an endpoint of a service, made when first needed. */
export type MakePool = (service: string, endpoint: Endpoint, settings: OutboundServicePlan) => ClientPool;

/** What a call asks for. */
export interface Wanted {
  /** Absent: any endpoint. */
  readonly subset: string | undefined;
  /** Of what keeps requests together. */
  readonly hashKey: number | undefined;
}

/** How an attempt went, for the balance. */
export interface AnswerTime {
  readonly tookMs: number;
  readonly failed: boolean;
  /** What the endpoint asks for; 0: nothing. */
  readonly pauseMs: number;
}

export class Cluster {
  readonly service: string;
  readonly budget: RetryBudgetState;
  readonly health: ServiceHealth;
  readonly hedge: ReturnType<typeof newHedge>;
  /** Attempts by whether they stayed in the own zone, where zones make a difference. */
  readonly zoneRequests: { own: number; other: number };
  /** Copies of requests. */
  readonly mirrors: { underWay: number };
  settings: OutboundServicePlan;
  #needsUser = false;
  #avoid: ReadonlySet<string> = new Set();
  /** When an endpoint was last picked. */
  #usedAtMs = Number.NEGATIVE_INFINITY;
  #endpoints: readonly ClusterEndpoint[] = [];
  /** Of each subset, since their endpoints are counted apart; without a subset the key is empty. */
  readonly #choices = new Map<string, Choice>();
  readonly #makePool: MakePool;
  readonly #ownZone: string | undefined;
  readonly #base: Cluster | undefined;
  readonly #by: PickBy = { tried: new Set(), key: undefined, nowMs: 0, random: 0 };

  /** @param base the same service by another version: endpoints, connections and all that is known of them are its own */
  constructor(
    service: string,
    settings: OutboundServicePlan,
    makePool: MakePool,
    ownZone: string | undefined,
    base?: Cluster,
  ) {
    this.service = service;
    this.settings = settings;
    this.budget = base?.budget ?? newRetryBudget();
    this.health = base?.health ?? newServiceHealth();
    this.hedge = base?.hedge ?? newHedge();
    this.zoneRequests = base?.zoneRequests ?? { own: 0, other: 0 };
    this.mirrors = base?.mirrors ?? { underWay: 0 };
    this.#makePool = makePool;
    this.#ownZone = ownZone;
    this.#base = base;
    this.#endpoints = base?.endpoints ?? [];
    this.#needsUser = goesByUser(settings);
  }

  /** Where its calls go depends on their end user. */
  get needsUser(): boolean {
    return this.#needsUser;
  }

  get endpoints(): readonly ClusterEndpoint[] {
    return this.#endpoints;
  }

  /** Takes new settings and endpoints; an endpoint that stays keeps its connections and its history. */
  replace(settings: OutboundServicePlan, endpoints: readonly Endpoint[]): void {
    const sameConnections = samePools(settings, this.settings);
    this.settings = settings;
    this.#needsUser = goesByUser(settings);
    const nowMs = performance.now();
    // Who is there from the start is new to this agent alone.
    const freshSinceMs = this.#endpoints.length === 0 ? 0 : nowMs;
    const before = new Map(this.#endpoints.map((one) => [endpointKey(one.endpoint), one]));
    this.#endpoints = endpoints.map((endpoint) => {
      const known = before.get(endpointKey(endpoint));
      if (known === undefined || !sameKind(known.endpoint, endpoint)) {
        const made = new ClusterEndpoint(endpoint, nowMs);
        made.balance.freshSinceMs = freshSinceMs;
        return made;
      }
      before.delete(endpointKey(endpoint));
      if (!sameConnections) known.close();
      return known;
    });
    for (const gone of before.values()) {
      gone.hasLeft = true;
      gone.close();
    }
    this.#weigh();
    recountHealth(
      this.health,
      this.#endpoints.map(({ breaker }) => breaker),
    );
    this.#warm(nowMs);
  }

  /** Most callers see these instances failing: they get a smaller share of the requests, and all alike when all are named. */
  advise(avoid: ReadonlySet<string>): void {
    if (avoid.size === 0 && this.#avoid.size === 0) return;
    this.#avoid = avoid;
    this.#weigh();
  }

  /** Instances that are advised against. */
  get advisedAgainst(): ReadonlySet<string> {
    return this.#avoid;
  }

  #weigh(): void {
    for (const { endpoint, balance } of this.#endpoints) {
      const share = this.#avoid.has(endpoint.instance) ? limits.fleet.advisedWeightShare : 1;
      balance.weight = weightOf(endpoint.labels, this.settings.balance) * share;
    }
    this.#choices.clear();
  }

  /** New connections from now on, such as with a new certificate; those in use end with their exchange. */
  renewConnections(): void {
    this.close();
    this.#warm(performance.now());
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Connections ahead of the requests to a service that is in use, to those that get them first. */
  #warm(nowMs: number): void {
    if (nowMs - this.#usedAtMs > limits.agent.warmForMs) return;
    const own = this.#endpoints.filter(({ endpoint }) => endpoint.labels[ZONE_LABEL] === this.#ownZone);
    const first = this.settings.balance.zones === undefined || own.length === 0 ? this.#endpoints : own;
    for (const endpoint of first.slice(0, limits.agent.warmEndpointsMax)) this.pool(endpoint).warm?.();
  }

  /** How an endpoint is reached that is no agent of this mesh; undefined: it is one. */
  outside({ endpoint }: ClusterEndpoint): Reach["kind"] | undefined {
    return isFound(endpoint) ? this.settings.discovery?.reach?.kind : undefined;
  }

  pool(endpoint: ClusterEndpoint): ClientPool {
    const { settings } = this.#base ?? this;
    return endpoint.pool((one) => this.#makePool(this.service, one, settings));
  }

  /**
   * Next endpoint for an attempt, which is taken note of; `done` gives its place back.
   * @param tried endpoints of this request's earlier attempts; they come last
   * @param random at least 0, below 1
   * @returns undefined when the subset has no endpoints, or each has as many requests as it may
   */
  pick(
    wanted: Wanted,
    tried: ReadonlySet<ClusterEndpoint>,
    nowMs: number,
    random: number,
  ): ClusterEndpoint | undefined {
    const by = this.#by;
    by.tried = tried;
    by.key = wanted.hashKey;
    by.nowMs = nowMs;
    by.random = random;
    const picked = this.#choice(wanted.subset).pick(by);
    if (picked === undefined) return undefined;
    this.#usedAtMs = nowMs;
    outlierSend(picked.breaker, nowMs, this.settings.breaker);
    picked.balance.pending++;
    this.#countZone(picked);
    return picked;
  }

  /** Whether there are endpoints at all. */
  has(subset: string | undefined): boolean {
    return this.#choice(subset).endpoints.length > 0;
  }

  #countZone({ endpoint }: ClusterEndpoint): void {
    if (this.settings.balance.zones === undefined || this.#ownZone === undefined) return;
    if (endpoint.labels[ZONE_LABEL] === this.#ownZone) this.zoneRequests.own++;
    else this.zoneRequests.other++;
  }

  /** Whether an attempt could go to an endpoint that this request has not tried and that is not ejected. */
  hasUntried(subset: string | undefined, tried: ReadonlySet<ClusterEndpoint>, nowMs: number): boolean {
    const { breaker } = this.settings;
    return this.#choice(subset).endpoints.some(
      (one) =>
        !tried.has(one) &&
        one.balance.pending < breaker.maxRequests &&
        outlierVerdict(one.breaker, this.health, nowMs, breaker) === "yes",
    );
  }

  /**
   * Takes note of how an attempt ended.
   * @param sentAtMs when it was picked
   * @param time absent: it says nothing of how fast the endpoint is
   */
  record(endpoint: ClusterEndpoint, event: BreakerEvent, sentAtMs: number, nowMs: number, time?: AnswerTime): void {
    const { balance, breaker } = endpoint;
    // The service's health is counted over those that are there.
    if (endpoint.hasLeft) return;
    const { hedge } = this.settings;
    if (time !== undefined && hedge !== undefined) noteHedgeLatency(this.hedge, time.tookMs, hedge);
    if (time !== undefined && event !== "abandoned")
      observeLatency(balance, answerSampleMs(balance, time.tookMs, time.failed, time.pauseMs, nowMs), nowMs);
    // Nobody knows how long it would have taken, but that it would have been longer.
    else if (time !== undefined && time.tookMs > latencyMsAt(balance, nowMs))
      observeLatency(balance, time.tookMs, nowMs);
    if (outlierEnd(breaker, this.health, event, sentAtMs, nowMs, this.settings.breaker)) balance.freshSinceMs = nowMs;
  }

  /** An attempt is over: nothing of it is in flight any more. */
  done(endpoint: ClusterEndpoint): void {
    endpoint.balance.pending--;
  }

  /** Of the whole service, as far as its instances have said it lately. */
  load(nowMs: number): LoadReport | undefined {
    return meanLoad(this.#endpoints.flatMap((one) => one.load(nowMs) ?? []));
  }

  #choice(subset: string | undefined): Choice {
    const key = subset ?? "";
    let choice = this.#choices.get(key);
    if (choice === undefined) {
      const wanted = subset === undefined ? undefined : this.settings.subsets[subset];
      const known = subset === undefined || wanted !== undefined;
      const endpoints = known ? this.#endpoints.filter(({ endpoint }) => hasLabels(endpoint.labels, wanted)) : [];
      choice = new Choice(endpoints, this.settings, this.health, this.#ownZone);
      this.#choices.set(key, choice);
    }
    return choice;
  }
}

function goesByUser({ balance, traffic, faults = [], mirror = [] }: OutboundServicePlan): boolean {
  return "claim" in (balance.hash ?? {}) || [...traffic, ...faults, ...mirror].some(asksForUser);
}

/** Pools are made for these. */
function samePools(one: OutboundServicePlan, other: OutboundServicePlan): boolean {
  const sameBounds = (["maxConnections", "maxPending", "requestsPerConnection"] as const).every(
    (name) => one.breaker[name] === other.breaker[name],
  );
  return sameBounds && sameReach(one, other);
}

/** How endpoints are called that no agent registered. */
function sameReach(one: OutboundServicePlan, other: OutboundServicePlan): boolean {
  const [a, b] = [one.discovery, other.discovery];
  if (a === undefined && b === undefined) return true;
  return one.protocol === other.protocol && a?.host === b?.host && isDeepStrictEqual(a?.reach, b?.reach);
}

function sameKind(one: Endpoint, other: Endpoint): boolean {
  const sameLabels = hasLabels(one.labels, other.labels) && hasLabels(other.labels, one.labels);
  return sameLabels && isFound(one) === isFound(other);
}

export class Clusters {
  #clusters = new Map<string, Cluster>();
  /** By the second version; those of services that both know are beside the first's. */
  #second = new Map<string, Cluster>();
  /** Its name; undefined: there is none. */
  #epoch: string | undefined;
  /** With endpoints of their own. */
  #own: Cluster[] = [];
  readonly #makePool: MakePool;
  readonly #ownZone: string | undefined;

  /** @param ownZone of this agent; absent: it has none */
  constructor(makePool: MakePool, ownZone?: string) {
    this.#makePool = makePool;
    this.#ownZone = ownZone;
  }

  /** @param epoch version that the request is decided by, where there are two */
  get(service: string, epoch?: string): Cluster | undefined {
    const isSecond = epoch !== undefined && epoch === this.#epoch;
    return (isSecond ? this.#second : this.#clusters).get(service);
  }

  get names(): string[] {
    return [...this.#clusters.keys()].sort();
  }

  [Symbol.iterator](): IterableIterator<Cluster> {
    return this.#own.values();
  }

  /** Takes a plan and a view as they are now. A service that stays in one of two versions keeps its connections and history. */
  update(
    services: Readonly<Record<string, OutboundServicePlan>>,
    endpoints: Readonly<Record<string, readonly Endpoint[]>>,
    second?: SecondVersion,
  ): void {
    const before = new Map(this.#own.map((cluster) => [cluster.service, cluster]));
    const ownOf = (service: string, settings: OutboundServicePlan): Cluster => {
      const cluster = before.get(service) ?? new Cluster(service, settings, this.#makePool, this.#ownZone);
      before.delete(service);
      cluster.replace(settings, Object.hasOwn(endpoints, service) ? (endpoints[service] ?? []) : []);
      return cluster;
    };
    const clusters = new Map(
      Object.entries(services).map(([service, settings]) => [service, ownOf(service, settings)]),
    );
    const beside = new Map<string, Cluster>();
    for (const [service, settings] of Object.entries(second?.services ?? {})) {
      const base = clusters.get(service);
      const cluster = base && new Cluster(service, settings, this.#makePool, this.#ownZone, base);
      beside.set(service, cluster ?? ownOf(service, settings));
    }
    for (const gone of before.values()) gone.replace(gone.settings, []);
    this.#clusters = clusters;
    this.#second = beside;
    this.#epoch = second?.epoch;
    this.#own = [...clusters.values(), ...[...beside.values()].filter(({ service }) => !clusters.has(service))];
  }

  renewConnections(): void {
    for (const cluster of this.#own) cluster.renewConnections();
  }

  close(): void {
    for (const cluster of this.#own) cluster.close();
  }
}
