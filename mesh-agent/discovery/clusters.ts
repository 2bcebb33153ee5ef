/** The services that this agent may call: their endpoints with connections, health and load. */
import type { LoadReport } from "../../shared/http/load-report.ts";
import { limits } from "../../shared/limits.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import {
  type BalanceQuestion,
  type BalancerState,
  balanceStep,
  GRADE,
  newBalancer,
} from "../../shared/policy/balance.ts";
import { type BreakerEvent, breakerSend, leastRecentlyFailed } from "../../shared/policy/breaker.ts";
import { endpointKey } from "../../shared/policy/discovery-view.ts";
import {
  answerSampleMs,
  type MutableLoad,
  newEndpointLoad,
  observeLatency,
  weightOf,
} from "../../shared/policy/endpoint-load.ts";
import {
  newOutlier,
  newServiceHealth,
  type OutlierState,
  outlierStep,
  outlierVerdict,
  recountHealth,
} from "../../shared/policy/outlier.ts";
import { newRetryBudget } from "../../shared/policy/retry-budget.ts";
import { asksForUser, hasLabels } from "../../shared/policy/traffic.ts";
import { meanLoad } from "../../shared/policy/upstream-load.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import type { ClientPool } from "../proxy/engine.ts";

/** Connections to an endpoint of a service, made when first needed. */
export type MakePool = (service: string, endpoint: Endpoint, settings: OutboundServicePlan) => ClientPool;

export class ClusterEndpoint {
  readonly endpoint: Endpoint;
  readonly breaker: OutlierState = newOutlier();
  readonly balance: MutableLoad;
  /** It is no more among its cluster's, though requests may still be under way. */
  hasLeft = false;
  #pool: ClientPool | undefined;
  #load: { readonly report: LoadReport; readonly atMs: number } | undefined;

  /** @param nowMs monotonic, as all times here */
  constructor(endpoint: Endpoint, nowMs: number) {
    this.endpoint = endpoint;
    this.balance = newEndpointLoad(endpoint.instance, 1, nowMs);
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

/** The endpoints of a subset; its arrays are in one order and made once. */
interface Choice {
  readonly endpoints: readonly ClusterEndpoint[];
  readonly breakers: readonly OutlierState[];
  readonly grades: number[];
  readonly balancer: BalancerState;
  /** Filled in for each pick. */
  readonly question: BalanceQuestion;
}

export class Cluster {
  readonly service: string;
  readonly budget = newRetryBudget();
  readonly health = newServiceHealth();
  /** Copies of requests that are on their way. */
  mirrors = 0;
  settings: OutboundServicePlan;
  #needsUser = false;
  #endpoints: readonly ClusterEndpoint[] = [];
  /** Of each subset, since their endpoints are counted apart; without a subset the key is empty. */
  readonly #choices = new Map<string, Choice>();
  readonly #makePool: MakePool;

  constructor(service: string, settings: OutboundServicePlan, makePool: MakePool) {
    this.service = service;
    this.settings = settings;
    this.#makePool = makePool;
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
    const sameConnections = settings.breaker.maxConnections === this.settings.breaker.maxConnections;
    this.settings = settings;
    this.#needsUser =
      "claim" in (settings.balance.hash ?? {}) ||
      [...settings.traffic, ...(settings.faults ?? []), ...(settings.mirror ?? [])].some(asksForUser);
    const nowMs = performance.now();
    // Who is there from the start is new to this agent alone.
    const freshSinceMs = this.#endpoints.length === 0 ? 0 : nowMs;
    const before = new Map(this.#endpoints.map((one) => [endpointKey(one.endpoint), one]));
    this.#endpoints = endpoints.map((endpoint) => {
      const known = before.get(endpointKey(endpoint));
      if (known === undefined || !sameLabels(known.endpoint, endpoint)) {
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
    for (const one of this.#endpoints) one.balance.weight = weightOf(one.endpoint.labels, settings.balance);
    recountHealth(
      this.health,
      this.#endpoints.map(({ breaker }) => breaker),
    );
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
   * Next endpoint for an attempt, which is taken note of; `done` gives its place back.
   * @param tried endpoints of this request's earlier attempts; they come last
   * @param random at least 0, below 1
   * @returns undefined when the subset has no endpoints
   */
  pick(
    wanted: Wanted,
    tried: ReadonlySet<ClusterEndpoint>,
    nowMs: number,
    random: number,
  ): ClusterEndpoint | undefined {
    const choice = this.#choice(wanted.subset);
    const picked = choice.endpoints[this.#indexFor(choice, wanted.hashKey, tried, nowMs, random)];
    if (picked === undefined) return undefined;
    breakerSend(picked.breaker, nowMs);
    picked.balance.pending++;
    return picked;
  }

  #indexFor(
    choice: Choice,
    key: number | undefined,
    tried: ReadonlySet<ClusterEndpoint>,
    nowMs: number,
    random: number,
  ): number {
    const { balancer, breakers, endpoints, grades, question } = choice;
    const allGood = this.health.out === 0 && tried.size === 0;
    const probe = allGood ? -1 : this.#grade(choice, tried, nowMs);
    // By hash an endpoint is probed by requests of its own.
    if (probe >= 0 && question.settings.policy !== "consistent-hash") return probe;
    question.grades = allGood ? undefined : grades;
    question.key = key;
    question.nowMs = nowMs;
    question.random = random;
    const index = balanceStep(balancer, question);
    return index >= 0 ? index : leastRecentlyFailed(breakers, (at) => tried.has(endpoints[at] as ClusterEndpoint));
  }

  /** @returns index of an endpoint that waits for its probe; -1: none does */
  #grade({ breakers, endpoints, grades }: Choice, tried: ReadonlySet<ClusterEndpoint>, nowMs: number): number {
    let probe = -1;
    for (let at = 0; at < endpoints.length; at++) {
      const verdict = outlierVerdict(breakers[at] as OutlierState, this.health, nowMs, this.settings.breaker);
      const isTried = tried.has(endpoints[at] as ClusterEndpoint);
      if (verdict === "probe" && !isTried && probe < 0) probe = at;
      grades[at] = verdict === "no" ? GRADE.out : isTried ? GRADE.tried : GRADE.good;
    }
    return probe;
  }

  /** Whether an attempt could go to an endpoint that this request has not tried and that is not ejected. */
  hasUntried(subset: string | undefined, tried: ReadonlySet<ClusterEndpoint>, nowMs: number): boolean {
    return this.#choice(subset).endpoints.some(
      (one) => !tried.has(one) && outlierVerdict(one.breaker, this.health, nowMs, this.settings.breaker) === "yes",
    );
  }

  /** Takes note of how an attempt ended. @param time absent: it says nothing of how fast the endpoint is */
  record(endpoint: ClusterEndpoint, event: BreakerEvent, nowMs: number, time?: AnswerTime): void {
    const { balance, breaker } = endpoint;
    // The service's health is counted over those that are there.
    if (endpoint.hasLeft) return;
    if (time !== undefined)
      observeLatency(balance, answerSampleMs(balance, time.tookMs, time.failed, time.pauseMs, nowMs), nowMs);
    if (outlierStep(breaker, this.health, event, nowMs, this.settings.breaker)) balance.freshSinceMs = nowMs;
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
      choice = newChoice(
        known ? this.#endpoints.filter(({ endpoint }) => hasLabels(endpoint.labels, wanted)) : [],
        this.settings,
      );
      this.#choices.set(key, choice);
    }
    return choice;
  }
}

function newChoice(endpoints: readonly ClusterEndpoint[], { balance: settings }: OutboundServicePlan): Choice {
  const loads = endpoints.map(({ balance }) => balance);
  const question = { loads, grades: undefined, settings, random: 0, nowMs: 0, key: undefined };
  return {
    endpoints,
    breakers: endpoints.map(({ breaker }) => breaker),
    grades: endpoints.map(() => GRADE.good),
    balancer: newBalancer(loads, settings),
    question,
  };
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
