import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
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
} from "../../../shared/policy/limit-shard.ts";
import type { LimitAnswer, LimiterSettings, LimitQuestion } from "../../../shared/policy/limiter-state.ts";
import type { Limiter } from "../../common/objects/limiter.ts";
import { within } from "../upstream/wait.ts";

const WAIT_MS = limits.rateLimit.shardWaitMs;

/** Where a shard asks, and for what numbers. */
interface Asked {
  /** Id of the limiter's object. */
  readonly limiter: string;
  readonly settings: LimiterSettings;
}

/**
 * Answers for a limiter that is asked more than one object bears, by what that has lent to it. Memory alone: an eviction
 * loses tokens that the limiter has counted, and nothing else.
 */
export class LimiterShard extends DurableObject<{ readonly LIMITER: DurableObjectNamespace<Limiter> }> {
  #shard: LimitShard | undefined;
  /** The question to the limiter that all who need it share. It never fails. */
  #asking: Promise<boolean> | undefined;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /**
   * @param limiter id of the limiter's object
   * @throws Error when the limiter is needed and does not answer in time
   */
  async ask(limiter: string, settings: LimiterSettings, question: LimitQuestion): Promise<LimitAnswer> {
    this.#shard ??= newShard(crypto.randomUUID(), settings);
    const shard = this.#shard;
    const asked = { limiter, settings };
    openQuestion(shard, question, Date.now());
    const needs = needsLimiter(shard, question, false, Date.now());
    return needs ? this.#answerWhenHeard(shard, asked, question) : this.#answer(shard, asked, question);
  }

  /** Gives back what was admitted. */
  refund(cost: number): void {
    if (this.#shard !== undefined) refundShard(this.#shard, cost, Date.now());
  }

  /** One question is on its way at a time: whoever comes while it is waits for it, and then for one that is asked for it too. */
  async #answerWhenHeard(shard: LimitShard, asked: Asked, question: LimitQuestion): Promise<LimitAnswer> {
    const endMs = Date.now() + WAIT_MS;
    beginShardWait(shard, question);
    try {
      while (needsLimiter(shard, question, true, Date.now())) {
        const answered = await within(this.#askLimiter(shard, asked), Math.max(0, endMs - Date.now()));
        if (answered !== true && needsLimiter(shard, question, true, Date.now()))
          throw new Error("the limiter did not answer its shard in time");
      }
    } finally {
      endShardWait(shard, question);
    }
    // At once: of several that were woken by one answer each must see what those before it took.
    return this.#answer(shard, asked, question);
  }

  #answer(shard: LimitShard, asked: Asked, question: LimitQuestion): LimitAnswer {
    const answer = answerQuestion(shard, question, Date.now());
    if (shouldRenewShard(shard, Date.now())) void this.#askLimiter(shard, asked);
    return answer;
  }

  /** @returns whether it answered in time */
  #askLimiter(shard: LimitShard, asked: Asked): Promise<boolean> {
    this.#asking ??= this.#putQuestion(shard, asked).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #putQuestion(shard: LimitShard, asked: Asked): Promise<boolean> {
    const sentAtMs = Date.now();
    const question = askForShard(shard, sentAtMs);
    const answer = await this.#answerOf(asked, question);
    const taken = answer !== undefined && takeShardAnswer(shard, question, answer, sentAtMs, Date.now());
    if (taken) this.#lookLater(shard, asked);
    else giveUpShard(shard, question, Date.now());
    return taken;
  }

  async #answerOf({ limiter, settings }: Asked, question: LimitQuestion): Promise<LimitAnswer | undefined> {
    try {
      const asked = this.env.LIMITER.get(this.env.LIMITER.idFromString(limiter)).ask(settings, question);
      return await within(asked as Promise<LimitAnswer>, WAIT_MS);
    } catch {
      return undefined;
    }
  }

  /** A lease is renewed before it ends, or what lies here is given back: the last time when nobody has asked any more. */
  #lookLater(shard: LimitShard, asked: Asked): void {
    clearTimeout(this.#timer);
    if (shard.state.history.tokens <= 0) return;
    this.#timer = setTimeout(() => {
      if (shouldRenewShard(shard, Date.now())) void this.#askLimiter(shard, asked);
      else this.#lookLater(shard, asked);
    }, limits.rateLimit.shardLookMs);
  }
}
