/** Isolates, a network between and limiters, under one virtual clock. The decisions are the real ones. */

import { countingNumbers, limiterFor } from "../../shared/policy/change-limiter.ts";
import {
  askQuestion,
  beginWait,
  endWait,
  giveUp,
  isAsking,
  isEmpty,
  type LimitHolder,
  leaveHolder,
  newHolder,
  settleReserved,
  shouldRenew,
  spend,
  takeAnswer,
  takeOutlook,
  want,
} from "../../shared/policy/limit-holder.ts";
import { shardOf } from "../../shared/policy/limit-load.ts";
import {
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  type LimitLoad,
  type LimitQuestion,
  newLimiter,
  type ShardsTold,
} from "../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../shared/policy/rate-limit.ts";
import { EventQueue } from "./event-queue.ts";
import { ShardHost } from "./shard-host.ts";

export const WAIT_MS = 1_000;
const POLL_MS = 5;
/** Of the limiter's clock; each isolate has its own offset to it. */
export const EPOCH = 1_790_000_000_000;

/** One trip of a question: how long there and back; absent: it is lost on that way. */
export interface Trip {
  readonly thereMs: number | undefined;
  readonly backMs: number | undefined;
}

export interface WorldOptions {
  readonly settings: LimiterSettings;
  /** What an isolate decides by at a time, where that changes. */
  readonly settingsAt?: (isolate: number, nowMs: number) => LimiterSettings;
  readonly leased: boolean;
  readonly trip: () => Trip;
  /** How far an isolate's clock is off. */
  readonly skewMs: (isolate: number) => number;
  /** Questions a second from which on shards answer for a limiter; absent: they never do. */
  readonly callsMax?: number;
  /** Shards that the limiter is made to tell of, instead of those that it finds. */
  readonly shards?: () => number | undefined;
}

/** An admission at a limiter's time, or a refusal. */
export interface Outcome {
  readonly key: string;
  readonly isolate: number;
  readonly atMs: number;
  readonly cost: number;
  readonly admitted: boolean;
  /** Decided by the limiter at this moment, not by what an isolate knew. */
  readonly asked: boolean;
  /** By which it was decided. */
  readonly settings: LimiterSettings;
}

interface Isolate {
  readonly number: number;
  readonly skewMs: number;
  readonly held: Map<string, Held>;
}

/** What an isolate has of a key, and whom it asks for it. */
interface Held {
  readonly key: string;
  readonly settings: LimiterSettings;
  readonly holder: LimitHolder;
  readonly shards: ShardsTold;
  readonly shard: number | undefined;
}

export class LimitWorld {
  readonly events = new EventQueue();
  readonly outcomes: Outcome[] = [];
  /** What requests that had reserved tokens used. */
  readonly settled: { atMs: number; begunAtMs: number; used: number }[] = [];
  readonly limiters = new Map<string, string>();
  /** Questions to limiters, and of isolates to shards. */
  calls = 0;
  shardCalls = 0;
  /** Most shards that answered for one key. */
  mostShards = 1;
  /** Requests to which nobody answered in time. */
  failures = 0;
  /** For limits that reserve: how many ran at once, those of dead isolates with them. */
  mostRunning = 0;
  #running = 0;
  readonly #options: WorldOptions;
  readonly #isolates = new Map<number, Isolate>();
  readonly #loads = new Map<string, LimitLoad>();
  readonly #shards = new Map<string, ShardHost>();
  #made = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** The isolate is gone with all that it held; another one takes its place. */
  kill(isolate: number): void {
    this.#isolates.delete(isolate);
  }

  /** A limiter's object is evicted: it forgets what it has measured. Its counts lie on the disk before each answer. */
  evict(key: string): void {
    this.#loads.delete(key);
  }

  /** A shard is evicted with all that it held, or its clock is set back. @param random which, from 0 up to but not 1 */
  disturbShard(random: number, backMs?: number): void {
    const [name, host] = [...this.#shards][Math.floor(random * this.#shards.size)] ?? [];
    if (backMs !== undefined) host?.turnBack(backMs);
    else if (name !== undefined && this.#shards.delete(name)) host?.kill();
  }

  /** @param runsMs for limits that reserve: how long the request runs. @param used and what it then says it used */
  request(isolate: number, key: string, cost: number, runsMs = 0, used = cost): void {
    const one = this.#isolate(isolate);
    const settings = this.#options.settingsAt?.(isolate, this.events.nowMs) ?? this.#options.settings;
    const held = this.#held(one, key, settings);
    want(held.holder, cost, this.#clock(one), settings);
    this.#attempt({ one, held, cost, runsMs, used, endMs: this.events.nowMs + WAIT_MS, waited: false });
  }

  limiter(key: string): LimiterState {
    const stored = this.limiters.get(key);
    const state = stored === undefined ? newLimiter(this.#options.settings) : JSON.parse(stored);
    const load = this.#loads.get(key);
    if (load !== undefined) state.load = load;
    return state;
  }

  #attempt(request: Running): void {
    const { one, held, cost, waited } = request;
    const { holder, settings } = held;
    if (!this.#lives(one)) return;
    if (this.#asksEach(settings)) {
      if (isEmpty(holder, cost, this.#clock(one))) this.#note(request, false, false);
      else this.#askAlone(request);
      return;
    }
    const { paid } = holder;
    const verdict = spend(holder, cost, waited, this.#clock(one), settings, WAIT_MS);
    if (waited && verdict !== "wait") endWait(holder, cost);
    if (verdict === "admitted")
      this.#admit(request, waited && paid >= cost ? this.#paidTimes.get(holder)?.splice(0, cost)[0] : undefined);
    if (verdict === "refused") this.#note(request, false, false);
    const now = this.#held(one, held.key, settings);
    if (verdict === "ask" && waited && holder.left && now !== held) {
      this.#attempt({ ...request, held: now, waited: false });
      return;
    }
    if (verdict === "ask") this.#ask(request);
    if (verdict === "wait") this.#wait(request);
    if (shouldRenew(holder, this.#clock(one), WAIT_MS)) this.#call(one, held, 0);
  }

  /** `exact`, where nothing is reserved: every request has a question of its own. */
  #asksEach({ counts }: LimiterSettings): boolean {
    return !this.#options.leased && counts === undefined;
  }

  #askAlone(request: Running): void {
    const { one, held, cost } = request;
    const { holder } = held;
    this.#send(held, { cost, more: 0 }, (answer, atMs) => {
      if (!this.#lives(one)) return;
      if (answer === undefined) {
        this.failures++;
        return;
      }
      takeOutlook(holder, answer, this.#clock(one));
      this.#follow(one, held, answer.shards);
      if (answer.admitted) this.#admit(request, atMs);
      else this.#note(request, false, true);
    });
  }

  /** When the limiter spent what waiting requests may take. */
  readonly #paidTimes = new Map<LimitHolder, number[]>();

  #ask(request: Running): void {
    const { one, held, cost } = request;
    this.#call(one, held, cost, (admitted, atMs) => {
      if (admitted === undefined) this.failures++;
      else if (admitted) this.#admit(request, atMs);
      else this.#note(request, false, true);
    });
  }

  #wait(request: Running): void {
    const { cost } = request;
    const { holder } = request.held;
    if (!request.waited) beginWait(holder, cost);
    this.events.at(this.events.nowMs + POLL_MS, () => {
      if (this.events.nowMs < request.endMs) {
        this.#attempt({ ...request, waited: true });
        return;
      }
      endWait(holder, cost);
      this.failures++;
    });
  }

  /** @param done undefined: no answer came in time */
  #call(one: Isolate, held: Held, cost: number, done?: (admitted: boolean | undefined, atMs: number) => void): void {
    const { leased } = this.#options;
    const { holder, settings } = held;
    const sentAtMs = this.#clock(one);
    const question = askQuestion(holder, cost, sentAtMs, settings, leased);
    const { seq } = holder;
    this.#send(held, question, (answer, atMs) => {
      if (!this.#lives(one)) return;
      if (answer === undefined) {
        giveUp(holder, seq, this.#clock(one));
        done?.(undefined, 0);
        return;
      }
      const before = holder.paid;
      if (takeAnswer(holder, seq, question, answer, sentAtMs, this.#clock(one), settings)) {
        const times = before === 0 ? [] : (this.#paidTimes.get(holder)?.slice(-before) ?? []);
        this.#paidTimes.set(holder, [...times, ...new Array<number>(answer.more).fill(atMs)]);
        this.#follow(one, held, answer.shards);
      }
      done?.(answer.admitted, atMs);
    });
  }

  /** The isolate asks where the limiter's answer says. */
  #follow(one: Isolate, held: Held, shards: ShardsTold): void {
    const { key, settings, holder } = held;
    const name = nameOf(key, settings);
    if (shards.sinceMs <= held.shards.sinceMs || one.held.get(name) !== held) return;
    const shard = shardOf(`isolate ${one.number}`, shards.count);
    this.mostShards = Math.max(this.mostShards, shards.count);
    if (shard === held.shard) {
      one.held.set(name, { ...held, shards });
      return;
    }
    const next = leaveHolder(holder, `${one.number}.${this.#made++}`);
    one.held.set(name, { key, settings, holder: next.holder, shards, shard });
    if (next.tell) this.#call(one, held, 0);
  }

  /** @param done called once: with the answer and when it was decided, or with none after the wait */
  #send(
    { key, settings, shard }: Held,
    question: LimitQuestion,
    done: (answer: LimitAnswer | undefined, atMs: number) => void,
  ): void {
    this.#trip(
      WAIT_MS,
      (answered) => {
        if (shard === undefined) answered(this.#askLimiter(key, settings, question));
        else {
          this.shardCalls++;
          this.#shard(key, settings, shard).ask(question, answered);
        }
      },
      done,
    );
  }

  /** There, an answer, and back; each may fail. */
  #trip(
    waitMs: number,
    there: (answered: (answer: LimitAnswer) => void) => void,
    done: (answer: LimitAnswer | undefined, atMs: number) => void,
  ): void {
    const { thereMs, backMs } = this.#options.trip();
    let over = false;
    const finish = (answer: LimitAnswer | undefined, atMs: number): void => {
      if (!over) done(answer, atMs);
      over = true;
    };
    this.events.at(this.events.nowMs + waitMs, () => finish(undefined, 0));
    if (thereMs === undefined) return;
    const answered = (answer: LimitAnswer): void => {
      const atMs = this.events.nowMs;
      if (backMs !== undefined) this.events.at(atMs + backMs, () => finish(answer, atMs));
    };
    this.events.at(this.events.nowMs + thereMs, () => there(answered));
  }

  #askLimiter(key: string, settings: LimiterSettings, question: LimitQuestion): LimitAnswer {
    this.calls++;
    const { callsMax, shards } = this.#options;
    const state = limiterFor(this.limiter(key), settings, EPOCH + this.events.nowMs);
    const { answer, changed } = askLimiter(state, question, EPOCH + this.events.nowMs, callsMax);
    if (state.load !== undefined) this.#loads.set(key, state.load);
    if (changed) this.limiters.set(key, JSON.stringify(state));
    const told = shards?.();
    return told === undefined ? answer : { ...answer, shards: { count: told, sinceMs: EPOCH + this.events.nowMs } };
  }

  #shard(key: string, settings: LimiterSettings, number: number): ShardHost {
    const name = `${nameOf(key, settings)}/${number}`;
    let host = this.#shards.get(name);
    if (host === undefined) {
      const skewMs = EPOCH + this.#options.skewMs(number + 3);
      host = new ShardHost(`${name}.${this.#made++}`, settings, this.events, skewMs, (question, waitMs, done) =>
        this.#trip(waitMs, (answered) => answered(this.#askLimiter(key, settings, question)), done),
      );
      this.#shards.set(name, host);
    }
    return host;
  }

  #admit(request: Running, atMs: number | undefined): void {
    this.#note(request, true, atMs !== undefined, atMs);
    const { one, held, cost, runsMs, used } = request;
    const { holder, settings } = held;
    if (settings.counts === undefined) return;
    const begunAtMs = atMs ?? this.events.nowMs;
    const begunClock = this.#clock(one);
    this.#running += cost;
    this.mostRunning = Math.max(this.mostRunning, this.#running);
    this.events.at(this.events.nowMs + runsMs, () => {
      this.#running -= cost;
      if (!this.#lives(one)) return;
      const spent = settings.counts === "cost" ? used : 0;
      this.settled.push({ atMs: this.events.nowMs, begunAtMs, used: spent });
      const tell = settleReserved(holder, cost, spent, begunClock, this.#clock(one));
      if (tell && !isAsking(holder, this.#clock(one), WAIT_MS)) this.#call(one, held, 0);
    });
  }

  #note({ one, held, cost }: Running, admitted: boolean, asked: boolean, atMs = this.events.nowMs): void {
    const { key, settings } = held;
    this.outcomes.push({ key, isolate: one.number, atMs, cost, admitted, asked, settings });
  }

  #isolate(number: number): Isolate {
    let one = this.#isolates.get(number);
    if (one === undefined) {
      one = { number, skewMs: this.#options.skewMs(number), held: new Map() };
      this.#isolates.set(number, one);
    }
    return one;
  }

  #lives(one: Isolate): boolean {
    return this.#isolates.get(one.number) === one;
  }

  /** One for each numbers, as an isolate keeps them. */
  #held(one: Isolate, key: string, settings: LimiterSettings): Held {
    const name = nameOf(key, settings);
    let held = one.held.get(name);
    if (held === undefined) {
      held = {
        key,
        settings,
        holder: newHolder(`${one.number}.${this.#made++}`),
        shards: { count: 1, sinceMs: 0 },
        shard: undefined,
      };
      one.held.set(name, held);
    }
    return held;
  }

  #clock({ skewMs }: Isolate): number {
    return EPOCH + skewMs + this.events.nowMs;
  }
}

function nameOf(key: string, settings: LimiterSettings): string {
  return `${countingNumbers(settings)} ${key}`;
}

interface Running {
  readonly one: Isolate;
  readonly held: Held;
  readonly cost: number;
  readonly runsMs: number;
  readonly used: number;
  readonly endMs: number;
  readonly waited: boolean;
}
