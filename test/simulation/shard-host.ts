/** A shard of a limiter under the virtual clock: what `workers/gateway/objects/limiter-shard.ts` does with promises. */

import { limits } from "../../shared/limits.ts";
import {
  answerQuestion,
  askForShard,
  beginShardWait,
  endShardWait,
  giveUpShard,
  type LimitShard,
  needsLimiter,
  newShard,
  openQuestion,
  refundShard,
  shouldRenewShard,
  takeShardAnswer,
} from "../../shared/policy/limit-shard.ts";
import type { LimitAnswer, LimiterSettings, LimitQuestion } from "../../shared/policy/limiter-state.ts";
import type { EventQueue } from "./event-queue.ts";

const WAIT_MS = limits.rateLimit.shardWaitMs;

/** Sends a question to the limiter. @param done called once: with the answer, or with none after the wait */
export type AskLimiter = (
  question: LimitQuestion,
  waitMs: number,
  done: (answer: LimitAnswer | undefined) => void,
) => void;

export class ShardHost {
  readonly shard: LimitShard;
  readonly #events: EventQueue;
  #skewMs: number;
  readonly #ask: AskLimiter;
  /** Who waits for the question that is on its way. */
  #asking: ((answered: boolean) => void)[] | undefined;
  #dead = false;
  #timer = 0;

  constructor(name: string, settings: LimiterSettings, events: EventQueue, skewMs: number, ask: AskLimiter) {
    this.shard = newShard(name, settings);
    this.#events = events;
    this.#skewMs = skewMs;
    this.#ask = ask;
  }

  kill(): void {
    this.#dead = true;
  }

  turnBack(backMs: number): void {
    this.#skewMs -= backMs;
  }

  get #nowMs(): number {
    return this.#skewMs + this.#events.nowMs;
  }

  refund(cost: number): void {
    refundShard(this.shard, cost, this.#nowMs);
  }

  /** @param done not called when the shard dies or its limiter does not answer */
  ask(question: LimitQuestion, done: (answer: LimitAnswer) => void): void {
    openQuestion(this.shard, question, this.#nowMs);
    const answer = (): void => {
      done(answerQuestion(this.shard, question, this.#nowMs));
      if (shouldRenewShard(this.shard, this.#nowMs)) this.#askLimiter(() => undefined);
    };
    if (needsLimiter(this.shard, question, false, this.#nowMs)) this.#wait(question, answer);
    else answer();
  }

  #wait(question: LimitQuestion, answer: () => void): void {
    const { shard } = this;
    const endMs = this.#events.nowMs + WAIT_MS;
    const hear = (answered: boolean): void => {
      if (answered && this.#needs(question) && this.#events.nowMs < endMs) {
        this.#askLimiter(hear);
        return;
      }
      const needs = this.#needs(question);
      endShardWait(shard, question);
      if (!needs) answer();
    };
    beginShardWait(shard, question);
    this.#askLimiter(hear);
  }

  #needs(question: LimitQuestion): boolean {
    return needsLimiter(this.shard, question, true, this.#nowMs);
  }

  #askLimiter(done: (answered: boolean) => void): void {
    if (this.#asking !== undefined) {
      this.#asking.push(done);
      return;
    }
    this.#asking = [done];
    const sentAtMs = this.#nowMs;
    const question = askForShard(this.shard, sentAtMs);
    this.#ask(question, WAIT_MS, (answer) => {
      if (this.#dead) return;
      const taken = answer !== undefined && takeShardAnswer(this.shard, question, answer, sentAtMs, this.#nowMs);
      if (taken) this.#lookLater();
      else giveUpShard(this.shard, question, this.#nowMs);
      const waiting = this.#asking ?? [];
      this.#asking = undefined;
      for (const one of waiting) one(taken);
    });
  }

  #lookLater(): void {
    const timer = ++this.#timer;
    if (this.shard.state.history.tokens <= 0) return;
    this.#events.at(this.#events.nowMs + limits.rateLimit.shardLookMs, () => {
      if (this.#dead || timer !== this.#timer) return;
      if (shouldRenewShard(this.shard, this.#nowMs)) this.#askLimiter(() => undefined);
      else this.#lookLater();
    });
  }
}
