/** Takes calls of limits that all instances of the service share: of what is held here, by asking, or else as the limit says. */
import { createHash, randomUUID } from "node:crypto";
import { limits } from "../../shared/limits.ts";
import { BoundedMap } from "../../shared/policy/bounded-map.ts";
import type { MeshLimit } from "../../shared/policy/call-limits.ts";
import { countingNumbers, countingWay } from "../../shared/policy/change-limiter.ts";
import type { CounterOf } from "../../shared/policy/counters.ts";
import { newElapsedClock, readElapsed } from "../../shared/policy/elapsed-clock.ts";
import {
  askQuestion,
  beginWait,
  endWait,
  giveUp,
  isEmpty,
  type LimitHolder,
  leaveHolder,
  newHolder,
  shouldRenew,
  spend,
  takeAnswer,
  unspend,
  want,
} from "../../shared/policy/limit-holder.ts";
import {
  giveBackShare,
  isTold,
  type LimitShare,
  newShare,
  takeShare,
  tellShare,
} from "../../shared/policy/limit-share.ts";
import {
  healthVerdict,
  type LimiterHealth,
  type LimitHealth,
  newLimiterHealth,
  newLimitHealth,
  noteAnswer,
} from "../../shared/policy/limiter-health.ts";
import type { LimitAnswer, LimitVerdict } from "../../shared/policy/limiter-state.ts";
import type { LimitLink } from "../control/limit-link.ts";

const bounds = limits.meshLimits;

/** What is known of one key of one limit. */
export interface KeptKey {
  readonly name: string;
  readonly settings: MeshLimit;
  readonly key: string;
  holder: LimitHolder;
  /** While nobody counts for all. */
  share: LimitShare | undefined;
  readonly health: { readonly one: LimiterHealth; readonly all: LimitHealth };
  /** When an answer came last, milliseconds since the epoch. */
  heardAtMs: number;
  /** Calls that wait for an answer. */
  readonly waiting: Set<() => void>;
}

/** What was taken of one limit, or only said of it. */
export interface TakenMesh {
  readonly settings: MeshLimit;
  /** Undefined: it could not be counted, and the limit says what holds then. */
  readonly verdict: LimitVerdict | undefined;
  /** Given: it was not counted over all instances. */
  readonly isUncounted?: true;
  /** It did not go on: another limit has refused the call. */
  readonly undo: () => void;
}

export interface MeshLimitsOptions {
  readonly link: LimitLink;
  /** How many instances of the service are known. */
  readonly instances: () => number;
  /** A call that was not counted over all instances. */
  readonly onUncounted: (limit: string, answered: CounterOf<"serviceLimit">) => void;
}

export class MeshLimits {
  readonly #options: MeshLimitsOptions;
  readonly #kept = new BoundedMap<KeptKey>(bounds.keysMax);
  readonly #health = new BoundedMap<LimitHealth>(limits.rateLimit.watchedMax);
  readonly #clock = newElapsedClock(performance.now(), Date.now());
  /** Of this run: what a former one held is nobody's. */
  readonly #run = randomUUID();
  #made = 0;

  constructor(options: MeshLimitsOptions) {
    this.#options = options;
  }

  /** @param whole key as `callLimitKey` made it */
  find(settings: MeshLimit, whole: string): KeptKey {
    const key = whole.length <= bounds.keyCharsMax ? whole : hashOf(whole);
    const name = `${limitName(settings)}\n${key}`;
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const health = { one: newLimiterHealth(), all: this.#healthOf(settings.name) };
    const rest = { share: undefined, heardAtMs: 0, waiting: new Set<() => void>() };
    const kept: KeptKey = { name, settings, key, holder: newHolder(this.#newId()), health, ...rest };
    this.#kept.set(name, kept);
    return kept;
  }

  /** Whether a call is refused by what is known here already; asks nobody, takes nothing. */
  refusal(kept: KeptKey): TakenMesh | undefined {
    const { holder, settings } = kept;
    const nowMs = this.#now();
    if (settings.mode === "leased") want(holder, 1, nowMs, settings);
    const holds = holder.balance >= 1 && nowMs < holder.spendUntilMs;
    if (holds || kept.share !== undefined || !isEmpty(holder, 1, nowMs)) return undefined;
    return this.#taken(kept, verdictOf(holder, false, nowMs), nothing);
  }

  /** Takes one call; after `refusal`. */
  take(kept: KeptKey): TakenMesh | Promise<TakenMesh> {
    const nowMs = this.#now();
    const { holder, settings } = kept;
    const { link } = this.#options;
    if (kept.share !== undefined && !link.connected) return this.#uncounted(kept);
    const verdict = spend(holder, 1, false, nowMs, settings, patienceMsOf(settings));
    if (verdict === "admitted" || verdict === "refused") {
      if (link.connected && shouldRenew(holder, nowMs, patienceMsOf(settings))) void this.#ask(kept, 0);
      const undo = verdict === "admitted" ? () => unspend(holder, 1, this.#now()) : nothing;
      return this.#taken(kept, verdictOf(holder, verdict === "admitted", nowMs), undo);
    }
    if (!link.connected) return this.#uncounted(kept);
    const health = healthVerdict(kept.health.one, kept.health.all, verdict === "wait", nowMs);
    if (health === "probe") void this.#ask(kept, 0);
    return health === "ask" ? this.#wait(kept, verdict) : this.#uncounted(kept);
  }

  /** Gives back what is held of limits that are no more. @param live those that are */
  leave(live: readonly MeshLimit[]): void {
    const names = new Set(live.map(limitName));
    for (const kept of this.#kept.values()) {
      if (names.has(limitName(kept.settings))) continue;
      this.#kept.delete(kept.name);
      const { tell } = leaveHolder(kept.holder, this.#newId());
      if (tell) void this.#ask(kept, 0);
    }
  }

  #healthOf(limit: string): LimitHealth {
    const health = this.#health.get(limit) ?? newLimitHealth();
    this.#health.set(limit, health);
    return health;
  }

  /** One question of a key is on its way at a time; calls that come meanwhile wait for it, and are asked for together with the next. */
  async #wait(kept: KeptKey, first: "ask" | "wait"): Promise<TakenMesh> {
    const { settings, holder } = kept;
    const endMs = this.#now() + timeoutMsOf(settings);
    let verdict: ReturnType<typeof spend> = first;
    let paidAtMs: number | undefined;
    if (verdict === "wait") beginWait(holder, 1);
    while (verdict === "wait" && this.#now() < endMs) {
      await changed(kept, endMs - this.#now());
      const paidBefore = holder.paid;
      verdict = spend(holder, 1, true, this.#now(), settings, patienceMsOf(settings));
      if (holder.paid < paidBefore) paidAtMs = holder.paidAtMs;
    }
    if (first === "wait") endWait(holder, 1);
    if (verdict === "admitted" || verdict === "refused") {
      const undo = paidAtMs === undefined ? () => unspend(holder, 1, this.#now()) : this.#giveBack(kept, paidAtMs);
      return this.#taken(kept, verdictOf(holder, verdict === "admitted", this.#now()), undo);
    }
    const leftMs = endMs - this.#now();
    if (verdict === "wait" || leftMs <= 0 || !this.#options.link.connected) return this.#uncounted(kept);
    // Another call may have found out meanwhile that nobody answers.
    if (kept.holder !== holder) return this.#uncounted(kept);
    const answer = await within(this.#ask(kept, 1), leftMs);
    if (answer === undefined) return this.#uncounted(kept);
    return this.#taken(kept, answer, this.#giveBack(kept, answer.atMs));
  }

  /** @param cost 0: no call waits for it, what is held is renewed or given back */
  async #ask(kept: KeptKey, cost: number): Promise<LimitAnswer | undefined> {
    const { settings, key, holder, health } = kept;
    const sentAtMs = this.#now();
    if (kept.share !== undefined) tellOf(kept.share, holder, sentAtMs);
    const question = askQuestion(holder, cost, sentAtMs, settings, settings.mode === "leased");
    const { seq } = holder;
    const note = (inTime: boolean): void => noteAnswer(health.one, health.all, kept.name, inTime, this.#now());
    // Calls that wait go on by then, and the next ones need not wait as long.
    const late = setTimeout(() => note(false), timeoutMsOf(settings));
    const answer = await this.#options.link.ask(settings.name, key, question, patienceMsOf(settings));
    clearTimeout(late);
    const nowMs = this.#now();
    if (nowMs - sentAtMs < timeoutMsOf(settings)) note(answer !== undefined);
    const isTaken = answer !== undefined && takeAnswer(holder, seq, question, answer, sentAtMs, nowMs, settings);
    if (!isTaken) giveUp(holder, seq, nowMs);
    else if (kept.holder === holder) this.#heard(kept);
    for (const wake of [...kept.waiting]) wake();
    return isTaken ? answer : undefined;
  }

  #heard(kept: KeptKey): void {
    kept.heardAtMs = Date.now();
    if (kept.share !== undefined && isTold(kept.share)) kept.share = undefined;
    // What holds tokens is forgotten last.
    if (this.#kept.get(kept.name) === kept) this.#kept.set(kept.name, kept);
  }

  #uncounted(kept: KeptKey): TakenMesh {
    const { settings } = kept;
    const { onFailure } = settings;
    this.#options.onUncounted(settings.name, onFailure ?? "share");
    if (onFailure !== undefined) return { ...this.#taken(kept, undefined, nothing), isUncounted: true };
    const nowMs = Date.now();
    const instances = this.#options.instances();
    kept.share ??= this.#newShare(kept, instances, nowMs);
    const { share } = kept;
    const verdict = takeShare(share, settings, instances, nowMs);
    const undo = (): void => giveBackShare(share, nowMs, Date.now());
    return { ...this.#taken(kept, verdict, undo), isUncounted: true };
  }

  /** What passes by the share is told under a name that the control plane does not know yet, so that it counts all of it. */
  #newShare(kept: KeptKey, instances: number, nowMs: number): LimitShare {
    const { remaining } = kept.holder;
    kept.holder = leaveHolder(kept.holder, this.#newId()).holder;
    return newShare(kept.settings, instances, { remaining, atMs: kept.heardAtMs }, nowMs);
  }

  #giveBack({ settings, key }: KeptKey, atMs: number): () => void {
    return () => this.#options.link.giveBack(settings.name, key, atMs);
  }

  #taken({ settings }: KeptKey, verdict: LimitVerdict | undefined, undo: () => void): TakenMesh {
    return { settings, verdict, undo: verdict?.admitted === true ? undo : nothing };
  }

  #newId(): string {
    return `${this.#run}.${this.#made++}`;
  }

  #now(): number {
    return readElapsed(this.#clock, performance.now(), Date.now());
  }
}

const nothing = (): void => {};

const timeoutMsOf = ({ timeoutMs }: MeshLimit): number => timeoutMs ?? bounds.waitMs;

/** A question that no call waits for any more is given more time. */
const patienceMsOf = (settings: MeshLimit): number => Math.max(timeoutMsOf(settings), bounds.patienceMs);

/** Settings live as long as their plan. */
const limitNames = new WeakMap<MeshLimit, string>();

/** Under other numbers another lease is held: none outlives a change of the plan. */
function limitName(settings: MeshLimit): string {
  const known = limitNames.get(settings);
  if (known !== undefined) return known;
  const { name, mode, onFailure = "", timeoutMs = "" } = settings;
  const made = `${name} ${mode} ${onFailure} ${timeoutMs} ${countingWay(settings)} ${countingNumbers(settings)}`;
  limitNames.set(settings, made);
  return made;
}

const hashOf = (key: string): string => createHash("sha256").update(key).digest("base64url");

function verdictOf({ remaining, resetAtMs }: LimitHolder, admitted: boolean, nowMs: number): LimitVerdict {
  return { admitted, remaining: admitted ? remaining : 0, resetMs: Math.max(admitted ? 0 : 1, resetAtMs - nowMs) };
}

/** The next question tells what passed by the share. */
function tellOf(share: LimitShare, holder: LimitHolder, nowMs: number): void {
  const { calls, sinceMs } = tellShare(share, Date.now());
  holder.spent += calls;
  if (calls > 0) holder.spentAtMs = nowMs - sinceMs;
}

/** Until the next answer, or that time. */
function changed({ waiting }: KeptKey, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      waiting.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.max(0, ms));
    waiting.add(wake);
  });
}

function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
