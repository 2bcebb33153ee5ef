/** The endpoints among which an attempt has its choice: those of a subset. */
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import {
  type BalanceQuestion,
  type BalancerState,
  balanceStep,
  GRADE,
  newBalancer,
} from "../../shared/policy/balance.ts";
import { leastRecentlyFailed } from "../../shared/policy/breaker.ts";
import { type OutlierState, outlierVerdict, type ServiceHealth } from "../../shared/policy/outlier.ts";
import { chooseLevel, type LevelState, newLevels, ZONE_LABEL, zoneLevel } from "../../shared/policy/zones.ts";
import type { ClusterEndpoint } from "./cluster-endpoint.ts";

/** What one pick goes by, filled in anew for each; `random` is at least 0, below 1. */
export interface PickBy {
  tried: ReadonlySet<ClusterEndpoint>;
  key: number | undefined;
  nowMs: number;
  random: number;
}

/** Its arrays are in one order and made once. */
export class Choice {
  readonly endpoints: readonly ClusterEndpoint[];
  readonly #settings: OutboundServicePlan;
  readonly #health: ServiceHealth;
  readonly #breakers: readonly OutlierState[];
  readonly #grades: number[];
  readonly #balancer: BalancerState;
  /** Filled in for each pick. */
  readonly #question: BalanceQuestion;
  /** By endpoint; undefined: all are alike. */
  readonly #levelOf: readonly number[] | undefined;
  readonly #levels: LevelState | undefined;
  /** Those of the nearest level alone, which get all requests while all is well. */
  readonly #near: Choice | undefined;

  /** @param ownZone of this agent; undefined: zones make no difference */
  constructor(
    endpoints: readonly ClusterEndpoint[],
    settings: OutboundServicePlan,
    health: ServiceHealth,
    ownZone: string | undefined,
  ) {
    const loads = endpoints.map(({ balance }) => balance);
    this.endpoints = endpoints;
    this.#settings = settings;
    this.#health = health;
    this.#breakers = endpoints.map(({ breaker }) => breaker);
    this.#grades = endpoints.map(() => GRADE.good);
    this.#balancer = newBalancer(loads, settings.balance);
    this.#question = { loads, grades: undefined, settings: settings.balance, random: 0, nowMs: 0, key: undefined };
    const { zones } = settings.balance;
    if (zones === undefined || ownZone === undefined || endpoints.length < 2) return;
    const levelOf = endpoints.map(({ endpoint }) => zoneLevel(ownZone, endpoint.labels[ZONE_LABEL], zones));
    const nearest = Math.min(...levelOf);
    if (levelOf.every((level) => level === nearest)) return;
    this.#levelOf = levelOf;
    this.#levels = newLevels(levelOf);
    const near = endpoints.filter((_, at) => levelOf[at] === nearest);
    this.#near = new Choice(near, settings, health, undefined);
  }

  /** @returns undefined when there is no endpoint, or none that may get one more request */
  pick(by: Readonly<PickBy>): ClusterEndpoint | undefined {
    const allGood = this.#health.out === 0 && by.tried.size === 0;
    if (!allGood) return this.#pickByGrade(by);
    const picked = this.#near === undefined ? this.#ask(undefined, by, by.random) : this.#near.pick(by);
    return picked === undefined || this.#isFull(picked) ? this.#pickByGrade(by) : picked;
  }

  #isFull({ balance: { pending } }: ClusterEndpoint): boolean {
    return pending >= this.#settings.breaker.maxRequests;
  }

  #ask(
    grades: readonly number[] | undefined,
    { key, nowMs }: Readonly<PickBy>,
    random: number,
  ): ClusterEndpoint | undefined {
    const question = this.#question;
    question.grades = grades;
    question.key = key;
    question.nowMs = nowMs;
    question.random = random;
    return this.endpoints[balanceStep(this.#balancer, question)];
  }

  #pickByGrade(by: Readonly<PickBy>): ClusterEndpoint | undefined {
    const probe = this.#grade(by);
    // By hash an endpoint is probed by requests of its own.
    if (probe !== undefined && this.#settings.balance.policy !== "consistent-hash") return probe;
    const picked = this.#ask(this.#grades, by, this.#preferLevel(by));
    if (picked !== undefined) return picked;
    const last = leastRecentlyFailed(this.#breakers, (at) => {
      const endpoint = this.endpoints[at] as ClusterEndpoint;
      return by.tried.has(endpoint) || this.#isFull(endpoint);
    });
    const endpoint = this.endpoints[last];
    return endpoint === undefined || this.#isFull(endpoint) ? undefined : endpoint;
  }

  /** @returns an endpoint that waits for its probe */
  #grade({ tried, nowMs }: Readonly<PickBy>): ClusterEndpoint | undefined {
    let probe: ClusterEndpoint | undefined;
    for (let at = 0; at < this.endpoints.length; at++) {
      const endpoint = this.endpoints[at] as ClusterEndpoint;
      const verdict = outlierVerdict(endpoint.breaker, this.#health, nowMs, this.#settings.breaker);
      const isTried = tried.has(endpoint);
      const isFull = this.#isFull(endpoint);
      if (verdict === "probe" && !isTried && !isFull) probe ??= endpoint;
      this.#grades[at] = verdict === "no" || isFull ? GRADE.out : isTried ? GRADE.tried : GRADE.good;
    }
    return probe;
  }

  /** Raises the grades of the level that the request is for, then those of nearer ones. @returns the rest of the random number */
  #preferLevel({ random, key }: Readonly<PickBy>): number {
    const { zones, policy } = this.#settings.balance;
    const levels = this.#levels;
    const levelOf = this.#levelOf;
    if (levels === undefined || levelOf === undefined || zones === undefined) return random;
    levels.healthy.fill(0);
    for (let at = 0; at < levelOf.length; at++) {
      const level = levelOf[at] as number;
      if (this.#grades[at] !== GRADE.out) levels.healthy[level] = (levels.healthy[level] as number) + 1;
    }
    // A key that goes to the next zone always does, as long as as many are healthy.
    chooseLevel(levels, zones, policy === "consistent-hash" && key !== undefined ? key / 2 ** 32 : random);
    const count = levels.endpoints.length;
    for (let at = 0; at < levelOf.length; at++) {
      const level = levelOf[at] as number;
      if (this.#grades[at] === GRADE.good)
        this.#grades[at] = GRADE.good + (level === levels.level ? count : count - 1 - level);
    }
    return levels.random;
  }
}
