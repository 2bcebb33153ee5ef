/** Takes what a request needs of each limit of its route: from what the isolate holds, or by asking. */
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import {
  askQuestion,
  beginWait,
  endWait,
  giveUp,
  isAsking,
  isEmpty,
  leaveHolder,
  newHolder,
  settleReserved,
  shouldRenew,
  spend,
  takeAnswer,
  takeOutlook,
  unspend,
  want,
} from "../../../shared/policy/limit-holder.ts";
import {
  healthVerdict,
  type LimitHealth,
  newLimiterHealth,
  newLimitHealth,
  noteAnswer,
  restLeftMs,
} from "../../../shared/policy/limiter-health.ts";
import {
  countingOf,
  type LimitAnswer,
  type LimiterState,
  type LimitQuestion,
  type LimitVerdict,
  newLimiter,
  type ShardsTold,
} from "../../../shared/policy/limiter-state.ts";
import { refundLimiter } from "../../../shared/policy/rate-limit.ts";
import type { LimitOutcome } from "../../../shared/policy/rate-limit-fields.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../env.ts";
import {
  askHere,
  askPlace,
  type KeptLimit,
  keptName,
  limiterId,
  limitName,
  patienceMsOf,
  placeOf,
  refundThere,
  shardPlace,
  timeoutMsOf,
} from "./limit-call.ts";
import { LimitCounts } from "./limit-counts.ts";
import { until } from "./wait.ts";

const NOBODY_TOLD: ShardsTold = { count: 1, sinceMs: 0 };

export interface WantedLimit {
  readonly settings: RateLimitSettings;
  readonly route: string;
  /** Whom it counts by. */
  readonly key: string;
}

/** What one request does with limits: its bindings, and how work goes on beside it (`waitUntil`). */
export interface LimitCaller {
  readonly env: Env;
  readonly background: (work: Promise<unknown>) => void;
}

export interface TakenLimits {
  readonly outcomes: readonly LimitOutcome[];
  /** Limits that could not be asked, and how long the longest of them will not be. */
  readonly failed: readonly RateLimitSettings[];
  readonly restMs: number;
  /** Gives back what was admitted. */
  undo(): void;
  /** For limits that reserve: the request is over. @param used of each, tokens that it used in all */
  finish(used: (settings: RateLimitSettings) => number): void;
}

/** What was taken of one limit, or only said of it; no verdict when it could not be asked. */
interface Taken {
  readonly kept: KeptLimit;
  readonly verdict: LimitVerdict | undefined;
  readonly said?: true;
  /** The admission's time at the limiter; absent: it was spent here, or reserved. */
  readonly atMs?: number;
  /** When it was reserved, by the clock here. */
  readonly begunAtMs?: number;
}

export class LimitTaker {
  readonly counts: LimitCounts;
  readonly #isolate: string;
  readonly #kept = new BoundedMap<KeptLimit>(limits.gateway.limiterKeysMax);
  /** Counts of limits that each isolate counts for itself. */
  readonly #local = new BoundedMap<LimiterState>(limits.gateway.limiterKeysMax);
  readonly #health = new BoundedMap<LimitHealth>(limits.rateLimit.watchedMax);
  #made = 0;

  /** @param isolate random name of the isolate */
  constructor(isolate: string, counts: LimitCounts = new LimitCounts()) {
    this.#isolate = isolate;
    this.counts = counts;
  }

  async take(caller: LimitCaller, wanted: readonly WantedLimit[]): Promise<TakenLimits> {
    const kept: KeptLimit[] = [];
    for (const one of wanted) kept.push(this.#find(one) ?? (await this.#keep(caller.env, one)));
    // Nothing is asked for or taken where it is known already that the request is refused.
    const refused = kept.find((one) => this.#isRefusedHere(one));
    if (refused !== undefined)
      return this.#taken(
        caller,
        kept.flatMap((one) => lastKnown(one, one === refused)),
      );
    const taken = kept.map((one) => this.#takeOne(caller, one));
    const known = taken.every((one) => !(one instanceof Promise));
    return this.#taken(caller, known ? (taken as Taken[]) : await Promise.all(taken));
  }

  #find({ route, settings, key }: WantedLimit): KeptLimit | undefined {
    const kept = this.#kept.get(keptName(route, settings, key));
    if (kept === undefined || kept.settings === settings) return kept;
    // Routes that share a limit, and other plans, may say otherwise what has nothing to do with counting.
    return { ...kept, settings };
  }

  async #keep(env: Env, wanted: WantedLimit): Promise<KeptLimit> {
    const { route, settings, key: whom } = wanted;
    const key = keptName(route, settings, whom);
    const name = limitName(route, settings, whom);
    const place =
      settings.mode === "local" ? this.#localOf(name, settings) : await limiterId(env, route, settings, name);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const health = { one: newLimiterHealth(), all: this.#healthOf(route, settings) };
    const kept = { key, route, settings, holder: newHolder(this.#newId()), place, health };
    this.#kept.set(key, kept);
    return kept;
  }

  #localOf(name: string, settings: RateLimitSettings): LimiterState {
    const state = this.#local.get(name) ?? newLimiter(countingOf(settings));
    this.#local.set(name, state);
    return state;
  }

  #healthOf(route: string, settings: RateLimitSettings): LimitHealth {
    const key = `${placeOf(route, settings)}\n${settings.name}`;
    const known = this.#health.get(key);
    if (known !== undefined) return known;
    const made = newLimitHealth();
    this.#health.set(key, made);
    return made;
  }

  #isRefusedHere({ settings, holder }: KeptLimit): boolean {
    const nowMs = Date.now();
    const cost = costOf(settings);
    if (settings.mode === "leased") want(holder, cost, nowMs, settings);
    const held = holder.balance >= cost && nowMs < holder.spendUntilMs;
    return !held && isEmpty(holder, cost, nowMs);
  }

  #takeOne(caller: LimitCaller, kept: KeptLimit): Taken | Promise<Taken> {
    const { settings, holder } = kept;
    const nowMs = Date.now();
    if (settings.mode !== "leased" && settings.counts === undefined) return this.#askAlone(caller, kept, nowMs);
    const cost = costOf(settings);
    const patienceMs = patienceMsOf(settings);
    const verdict = spend(holder, cost, false, nowMs, settings, patienceMs);
    if (verdict === "ask" || verdict === "wait") {
      const resting = this.#restOrProbe(caller, kept, verdict === "wait", nowMs);
      return resting ?? this.#askTogether(caller, kept, verdict);
    }
    if (shouldRenew(holder, nowMs, patienceMs)) caller.background(this.#ask(caller, kept, 0, timeoutMsOf(settings)));
    return { kept, verdict: verdictOf(kept, verdict === "admitted"), begunAtMs: nowMs };
  }

  /** Where the limiter is known not to answer nobody waits for it. @returns undefined: it is to be asked */
  #restOrProbe(caller: LimitCaller, kept: KeptLimit, asking: boolean, nowMs: number): Taken | undefined {
    const { one, all } = kept.health;
    const verdict = healthVerdict(one, all, asking, nowMs);
    if (verdict === "ask") return undefined;
    if (verdict === "probe") caller.background(this.#ask(caller, kept, 0, patienceMsOf(kept.settings)));
    return { kept, verdict: undefined };
  }

  /** One question of a key is on its way at a time; the others wait and look, each by timers of its own. */
  async #askTogether(caller: LimitCaller, kept: KeptLimit, first: "ask" | "wait"): Promise<Taken> {
    const { settings, holder } = kept;
    const cost = costOf(settings);
    const endMs = Date.now() + timeoutMsOf(settings);
    const patienceMs = patienceMsOf(settings);
    let begunAtMs = 0;
    let paid: { atMs: number } | undefined;
    let verdict: ReturnType<typeof spend> = first;
    if (verdict === "wait") {
      beginWait(holder, cost);
      while (verdict === "wait" && Date.now() < endMs) {
        await until(() => !isAsking(holder, Date.now(), patienceMs) || holder.paid >= cost, endMs - Date.now());
        begunAtMs = Date.now();
        const paidBefore = holder.paid;
        verdict = spend(holder, cost, true, begunAtMs, settings, patienceMs);
        // It was counted with the question, not spent of what is held here: it is given back there.
        if (holder.paid < paidBefore) paid = { atMs: holder.paidAtMs };
      }
      endWait(holder, cost);
    }
    if (verdict === "wait") return { kept, verdict: undefined };
    const now = this.#kept.get(kept.key);
    if (verdict === "ask" && holder.left && now?.holder.left === false)
      return this.#takeOne(caller, { ...now, settings });
    if (verdict !== "ask") return { kept, verdict: verdictOf(kept, verdict === "admitted"), begunAtMs, ...paid };
    const leftMs = endMs - Date.now();
    if (leftMs <= 0) return { kept, verdict: undefined };
    const asked = this.#ask(caller, kept, cost, leftMs);
    // What it brings is for others too, also when this request's client has gone.
    caller.background(asked);
    const answer = await asked;
    if (answer === undefined) return { kept, verdict: undefined };
    return { kept, verdict: answer, atMs: answer.atMs, begunAtMs: answer.takenAtMs };
  }

  /** @param cost 0: no request waits for it, what the isolate holds is renewed or given back */
  async #ask(
    caller: LimitCaller,
    kept: KeptLimit,
    cost: number,
    waitMs: number,
  ): Promise<(LimitAnswer & { takenAtMs: number }) | undefined> {
    const { settings, holder } = kept;
    const sentAtMs = Date.now();
    const question = askQuestion(holder, cost, sentAtMs, settings, settings.mode === "leased");
    const { seq } = holder;
    const answer = await this.#put(caller, kept, question, waitMs);
    const takenAtMs = Date.now();
    if (answer !== undefined && takeAnswer(holder, seq, question, answer, sentAtMs, takenAtMs, settings)) {
      // What holds tokens is forgotten last.
      if (this.#kept.get(kept.key)?.holder === holder) this.#kept.set(kept.key, kept);
      this.#follow(caller, kept, answer.shards);
      return { ...answer, takenAtMs };
    }
    giveUp(holder, seq, takenAtMs);
    // What is held yet is good without an answer; who needs one asks where there may be one.
    if (answer === undefined && cost > 0) this.#avoidShard(caller, kept);
    return undefined;
  }

  /** The next request asks where the limiter's answer says. */
  #follow(caller: LimitCaller, kept: KeptLimit, shards: ShardsTold): void {
    const { shards: known = NOBODY_TOLD, avoidUntilMs = 0 } = kept;
    if (shards.sinceMs > known.sinceMs && Date.now() >= avoidUntilMs) this.#move(caller, kept, shards, 0);
  }

  /** A shard that does not answer is not the limiter: that one is asked for a while. */
  #avoidShard(caller: LimitCaller, kept: KeptLimit): void {
    if (kept.shard === undefined) return;
    this.#move(caller, kept, NOBODY_TOLD, Date.now() + limits.rateLimit.shardAvoidMs);
  }

  #move(caller: LimitCaller, kept: KeptLimit, shards: ShardsTold, avoidUntilMs: number): void {
    const { key, route, settings, place, health } = kept;
    if ("history" in place || this.#kept.get(key)?.holder !== kept.holder) return;
    const there = shardPlace(caller.env, kept, shards, this.#isolate);
    if (String(there.shard) === String(kept.shard)) {
      this.#kept.set(key, { ...kept, ...there });
      return;
    }
    const { holder, tell } = leaveHolder(kept.holder, this.#newId());
    // Another object may answer where the last one did not.
    const fresh = { one: newLimiterHealth(), all: health.all };
    this.#kept.set(key, { key, route, settings, holder, place, health: fresh, ...there, avoidUntilMs });
    if (tell) caller.background(this.#ask(caller, kept, 0, timeoutMsOf(settings)));
  }

  #newId(): string {
    return `${this.#isolate}.${this.#made++}`;
  }

  /** Puts a question, and notes how that ended where it leaves the isolate. */
  async #put(
    { env }: LimitCaller,
    kept: KeptLimit,
    question: LimitQuestion,
    waitMs: number,
  ): Promise<LimitAnswer | undefined> {
    const { route, settings, health, key, place } = kept;
    if ("history" in place) return askPlace(env, kept, question, waitMs);
    const counts = this.counts.of(route, settings);
    const sentAtMs = Date.now();
    counts.asked++;
    const answer = await askPlace(env, kept, question, waitMs);
    const nowMs = Date.now();
    const inTime = answer !== undefined && nowMs - sentAtMs <= timeoutMsOf(settings);
    if (!inTime) counts.failed++;
    noteAnswer(health.one, health.all, key, inTime, nowMs);
    return answer;
  }

  /** Where nothing is held here every request has a question of its own. */
  #askAlone(caller: LimitCaller, kept: KeptLimit, nowMs: number): Taken | Promise<Taken> {
    const { settings, holder, place } = kept;
    const question = { cost: costOf(settings), more: 0 };
    const taken = (answer: LimitAnswer | undefined): Taken => {
      if (answer === undefined) {
        this.#avoidShard(caller, kept);
        return { kept, verdict: undefined };
      }
      takeOutlook(holder, answer, Date.now());
      this.#follow(caller, kept, answer.shards);
      return { kept, verdict: answer, atMs: answer.atMs };
    };
    if ("history" in place) return taken(askHere(place, settings, question));
    const resting = this.#restOrProbe(caller, kept, false, nowMs);
    return resting ?? this.#put(caller, kept, question, timeoutMsOf(settings)).then(taken);
  }

  #taken(caller: LimitCaller, all: readonly Taken[]): TakenLimits {
    const outcomes = all.flatMap(({ kept, verdict }): LimitOutcome[] =>
      verdict === undefined ? [] : [[kept.settings, verdict]],
    );
    const failed = all.filter(({ verdict }) => verdict === undefined);
    const admitted = all.filter(({ verdict, said }) => verdict?.admitted === true && said !== true);
    return {
      outcomes,
      failed: failed.map(({ kept }) => kept.settings),
      restMs: Math.max(0, ...failed.map(({ kept: { health } }) => restLeftMs(health.one, health.all, Date.now()))),
      undo: () => {
        for (const one of admitted) this.#undo(caller, one);
      },
      finish: (used) => {
        for (const one of admitted) if (isReserved(one)) this.#finish(caller, one, used(one.kept.settings));
      },
    };
  }

  #undo(caller: LimitCaller, taken: Taken): void {
    const { kept, atMs } = taken;
    const { settings, holder, place } = kept;
    const cost = costOf(settings);
    if (isReserved(taken)) this.#finish(caller, taken, 0);
    else if (atMs === undefined) unspend(holder, cost, Date.now());
    else if ("history" in place) refundLimiter(place, atMs, cost, Date.now());
    else caller.background(refundThere(caller.env, place, kept, atMs, cost).catch(() => undefined));
  }

  #finish(caller: LimitCaller, { kept, begunAtMs = 0 }: Taken, used: number): void {
    const nowMs = Date.now();
    const tell = settleReserved(kept.holder, costOf(kept.settings), used, begunAtMs, nowMs);
    if (tell && !isAsking(kept.holder, nowMs, patienceMsOf(kept.settings)))
      caller.background(this.#ask(caller, kept, 0, timeoutMsOf(kept.settings)));
  }
}

const isReserved = ({ kept }: Taken): boolean => kept.settings.counts !== undefined;

function costOf({ cost }: RateLimitSettings): number {
  return cost?.estimate ?? 1;
}

function verdictOf({ holder }: KeptLimit, admitted: boolean): LimitVerdict {
  const { remaining, resetAtMs } = holder;
  return { admitted, remaining: admitted ? remaining : 0, resetMs: Math.max(admitted ? 0 : 1, resetAtMs - Date.now()) };
}

/** What may be said of a limit that was not asked. */
function lastKnown(kept: KeptLimit, refused: boolean): Taken[] {
  if (refused) return [{ kept, verdict: verdictOf(kept, false) }];
  const heard = kept.holder.resetAtMs > 0;
  return heard ? [{ kept, verdict: verdictOf(kept, true), said: true }] : [];
}
