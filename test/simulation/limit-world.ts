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
  newHolder,
  settleReserved,
  shouldRenew,
  spend,
  takeAnswer,
  takeOutlook,
  want,
} from "../../shared/policy/limit-holder.ts";
import {
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  type LimitQuestion,
  newLimiter,
} from "../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../shared/policy/rate-limit.ts";
import { EventQueue } from "./event-queue.ts";

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
  readonly holders: Map<string, LimitHolder>;
}

export class LimitWorld {
  readonly events = new EventQueue();
  readonly outcomes: Outcome[] = [];
  /** What requests that had reserved tokens used. */
  readonly settled: { atMs: number; begunAtMs: number; used: number }[] = [];
  readonly limiters = new Map<string, string>();
  calls = 0;
  /** Requests to which nobody answered in time. */
  failures = 0;
  /** For limits that reserve: how many ran at once, those of dead isolates with them. */
  mostRunning = 0;
  #running = 0;
  readonly #options: WorldOptions;
  readonly #isolates = new Map<number, Isolate>();
  #made = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** The isolate is gone with all that it held; another one takes its place. */
  kill(isolate: number): void {
    this.#isolates.delete(isolate);
  }

  /** @param runsMs for limits that reserve: how long the request runs. @param used and what it then says it used */
  request(isolate: number, key: string, cost: number, runsMs = 0, used = cost): void {
    const one = this.#isolate(isolate);
    const settings = this.#options.settingsAt?.(isolate, this.events.nowMs) ?? this.#options.settings;
    const holder = this.#holder(one, key, settings);
    want(holder, cost, this.#clock(one), settings);
    const endMs = this.events.nowMs + WAIT_MS;
    this.#attempt({ one, holder, key, cost, settings, runsMs, used, endMs, waited: false });
  }

  limiter(key: string): LimiterState {
    const stored = this.limiters.get(key);
    return stored === undefined ? newLimiter(this.#options.settings) : JSON.parse(stored);
  }

  #attempt(request: Running): void {
    const { one, holder, key, cost, settings, waited } = request;
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
      this.#admit(
        request,
        verdict === "admitted" && waited && paid >= cost ? this.#paidTimes.get(holder)?.splice(0, cost)[0] : undefined,
      );
    if (verdict === "refused") this.#note(request, false, false);
    if (verdict === "ask") this.#ask(request);
    if (verdict === "wait") this.#wait(request);
    if (shouldRenew(holder, this.#clock(one), WAIT_MS)) this.#call(one, holder, key, settings, 0);
  }

  /** `exact`, where nothing is reserved: every request has a question of its own. */
  #asksEach({ counts }: LimiterSettings): boolean {
    return !this.#options.leased && counts === undefined;
  }

  #askAlone(request: Running): void {
    const { one, holder, key, cost, settings } = request;
    this.#send(key, settings, { cost, more: 0 }, (answer) => {
      if (!this.#lives(one)) return;
      if (answer === undefined) {
        this.failures++;
        return;
      }
      takeOutlook(holder, answer, this.#clock(one));
      if (answer.admitted) this.#admit(request, answer.atMs - EPOCH);
      else this.#note(request, false, true);
    });
  }

  /** When the limiter spent what waiting requests may take. */
  readonly #paidTimes = new Map<LimitHolder, number[]>();

  #ask(request: Running): void {
    const { one, holder, key, cost, settings } = request;
    this.#call(one, holder, key, settings, cost, (admitted, atMs) => {
      if (admitted === undefined) this.failures++;
      else if (admitted) this.#admit(request, atMs);
      else this.#note(request, false, true);
    });
  }

  #wait(request: Running): void {
    const { holder, cost } = request;
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
  #call(
    one: Isolate,
    holder: LimitHolder,
    key: string,
    settings: LimiterSettings,
    cost: number,
    done?: (admitted: boolean | undefined, atMs: number) => void,
  ): void {
    const { leased } = this.#options;
    const sentAtMs = this.#clock(one);
    const question = askQuestion(holder, cost, sentAtMs, settings, leased);
    const { seq } = holder;
    this.#send(key, settings, question, (answer) => {
      if (!this.#lives(one)) return;
      if (answer === undefined) {
        giveUp(holder, seq, this.#clock(one));
        done?.(undefined, 0);
        return;
      }
      if (takeAnswer(holder, seq, question, answer, sentAtMs, this.#clock(one), settings)) {
        const times = this.#paidTimes.get(holder)?.slice(-holder.paid) ?? [];
        this.#paidTimes.set(holder, [...times, ...new Array<number>(answer.more).fill(answer.atMs - EPOCH)]);
      }
      done?.(answer.admitted, answer.atMs - EPOCH);
    });
  }

  /** @param done called once: with the answer, or with none after the wait */
  #send(
    key: string,
    settings: LimiterSettings,
    question: LimitQuestion,
    done: (answer: LimitAnswer | undefined) => void,
  ): void {
    const { thereMs, backMs } = this.#options.trip();
    let over = false;
    const finish = (answer: LimitAnswer | undefined): void => {
      if (!over) done(answer);
      over = true;
    };
    this.calls++;
    this.events.at(this.events.nowMs + WAIT_MS, () => finish(undefined));
    if (thereMs === undefined) return;
    this.events.at(this.events.nowMs + thereMs, () => {
      const state = limiterFor(this.limiter(key), settings, EPOCH + this.events.nowMs);
      const { answer, changed } = askLimiter(state, question, EPOCH + this.events.nowMs);
      if (changed) this.limiters.set(key, JSON.stringify(state));
      if (backMs !== undefined) this.events.at(this.events.nowMs + backMs, () => finish(answer));
    });
  }

  #admit(request: Running, atMs: number | undefined): void {
    this.#note(request, true, atMs !== undefined, atMs);
    const { one, holder, key, cost, settings, runsMs, used } = request;
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
      if (tell && !isAsking(holder, this.#clock(one), WAIT_MS)) this.#call(one, holder, key, settings, 0);
    });
  }

  #note({ one, key, cost, settings }: Running, admitted: boolean, asked: boolean, atMs = this.events.nowMs): void {
    this.outcomes.push({ key, isolate: one.number, atMs, cost, admitted, asked, settings });
  }

  #isolate(number: number): Isolate {
    let one = this.#isolates.get(number);
    if (one === undefined) {
      one = { number, skewMs: this.#options.skewMs(number), holders: new Map() };
      this.#isolates.set(number, one);
    }
    return one;
  }

  #lives(one: Isolate): boolean {
    return this.#isolates.get(one.number) === one;
  }

  /** One for each numbers, as an isolate keeps them. */
  #holder(one: Isolate, key: string, settings: LimiterSettings): LimitHolder {
    const name = `${countingNumbers(settings)} ${key}`;
    let holder = one.holders.get(name);
    if (holder === undefined) {
      holder = newHolder(`${one.number}.${this.#made++}`);
      one.holders.set(name, holder);
    }
    return holder;
  }

  #clock({ skewMs }: Isolate): number {
    return EPOCH + skewMs + this.events.nowMs;
  }
}

interface Running {
  readonly one: Isolate;
  readonly holder: LimitHolder;
  readonly key: string;
  readonly cost: number;
  readonly settings: LimiterSettings;
  readonly runsMs: number;
  readonly used: number;
  readonly endMs: number;
  readonly waited: boolean;
}
