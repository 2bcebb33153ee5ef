import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { askQuestion, leaveHolder, newHolder, takeAnswer, want } from "../../../shared/policy/limit-holder.ts";
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
import {
  heldOf,
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  type LimitQuestion,
  lendableOf,
  newLimiter,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../../shared/policy/rate-limit.ts";

const START = 1_790_000_000_000;
const settings: LimiterSettings = { limit: 3200, windowMs: 60_000 };
const bounds = limits.rateLimit;

/** A question and its answer without a network: the limiter is asked where it is needed. */
function ask(shard: LimitShard, limiter: LimiterState, question: LimitQuestion, nowMs: number): LimitAnswer {
  openQuestion(shard, question, nowMs);
  if (needsLimiter(shard, question, false, nowMs)) {
    beginShardWait(shard, question);
    renew(shard, limiter, nowMs);
    endShardWait(shard, question);
  }
  return answerQuestion(shard, question, nowMs);
}

function renew(shard: LimitShard, limiter: LimiterState, nowMs: number): void {
  const question = askForShard(shard, nowMs);
  takeShardAnswer(shard, question, askLimiter(limiter, question, nowMs).answer, nowMs, nowMs);
}

const one: LimitQuestion = { cost: 1, more: 0 };
const leftAt = (limiter: LimiterState, nowMs: number): number =>
  askLimiter(structuredClone(limiter), { cost: 0, more: 0 }, nowMs).answer.remaining;

/** A shard that was asked so often that it holds tokens. */
function busyShard(limiter: LimiterState, nowMs = START): LimitShard {
  const shard = newShard("s", limiter.settings);
  for (let at = 0; at < 40; at++) ask(shard, limiter, one, nowMs);
  renew(shard, limiter, nowMs);
  return shard;
}

describe("a shard", () => {
  test("answers by what it holds, and asks its limiter seldom", () => {
    const limiter = newLimiter(settings);
    const shard = newShard("s", settings);
    let calls = 0;
    for (let at = 0; at < 1000; at++) {
      openQuestion(shard, one, START + at);
      if (needsLimiter(shard, one, false, START + at) || shouldRenewShard(shard, START + at)) {
        calls++;
        beginShardWait(shard, one);
        renew(shard, limiter, START + at);
        endShardWait(shard, one);
      }
      expect(answerQuestion(shard, one, START + at).admitted).toBe(true);
    }
    expect(calls).toBeLessThan(60);
    renew(shard, limiter, START + 1000);
    expect(leftAt(limiter, START + 1000)).toBe(settings.limit - 1000 - heldOf(limiter).tokens);
  });

  test("takes no more than the limit, and refuses by itself until there is more", () => {
    const limiter = newLimiter({ limit: 640, windowMs: 60_000 });
    const shard = newShard("s", limiter.settings);
    const answers = Array.from({ length: 800 }, () => ask(shard, limiter, one, START));
    expect(answers.filter(({ admitted }) => admitted)).toHaveLength(640);
    const last = answers.at(-1);
    expect(last).toMatchObject({ admitted: false, remaining: 0, emptyCost: 1 });
    expect(last?.emptyMs).toBeGreaterThan(1_000);
    const { seq } = shard;
    for (let at = 0; at < 100; at++) expect(ask(shard, limiter, one, START + 500).admitted).toBe(false);
    expect(shard.seq).toBe(seq);
  });

  test("holds with all that it has lent on no more than may lie unused", () => {
    const limiter = newLimiter(settings);
    const shard = busyShard(limiter);
    const holders = ["a", "b", "c"].map((id) => newHolder(id));
    for (let round = 0; round < 5; round++)
      for (const holder of holders) {
        want(holder, 60, START, settings);
        const question = askQuestion(holder, 1, START, settings, true);
        takeAnswer(holder, holder.seq, question, ask(shard, limiter, question, START), START, START, settings);
      }
    const lentOn = heldOf(shard.state).tokens;
    expect(lentOn).toBeGreaterThan(0);
    expect(lentOn).toBeLessThanOrEqual(shard.state.history.idleMax / 2);
    expect(heldOf(limiter).tokens).toBeLessThanOrEqual(lendableOf(settings));
    // What an isolate leaves with comes back to the shard.
    const [holder = newHolder("none")] = holders;
    const before = heldOf(shard.state).tokens;
    const { tell } = leaveHolder(holder, "next");
    expect(tell).toBe(true);
    ask(shard, limiter, askQuestion(holder, 0, START, settings, true), START);
    expect(heldOf(shard.state).tokens).toBeLessThan(before);
    expect(holder.balance).toBe(0);
  });

  test("gives back what others could use", () => {
    const limiter = newLimiter(settings);
    const shard = busyShard(limiter);
    expect(heldOf(limiter).tokens).toBeGreaterThan(10);
    expect(shouldRenewShard(shard, START + 1)).toBe(false);
    const later = START + bounds.leaseMsMax / 2;
    expect(shouldRenewShard(shard, later)).toBe(true);
    renew(shard, limiter, later);
    expect(heldOf(limiter).tokens).toBe(0);
    expect(leftAt(limiter, later)).toBe(settings.limit - 40);
  });

  test("begins anew when its lease has ended: what lay there counts as spent, and is not spent", () => {
    const limiter = newLimiter(settings);
    const shard = busyShard(limiter);
    const lay = heldOf(limiter).tokens;
    const ended = START + bounds.leaseMsMax;
    expect(needsLimiter(shard, one, false, ended - 1)).toBe(false);
    expect(needsLimiter(shard, one, false, ended)).toBe(true);
    const late = ended + 2 * bounds.leaseMarginMs;
    renew(shard, limiter, late);
    expect(leftAt(limiter, late)).toBe(settings.limit - 40 - lay - heldOf(limiter).tokens);
  });

  test("is counted by the limiter for two margins longer than it spends: its isolates' clocks may stand still, and its own", () => {
    const limiter = newLimiter(settings);
    busyShard(limiter);
    const ended = START + bounds.leaseMsMax + 2 * bounds.leaseMarginMs;
    askLimiter(limiter, { cost: 0, more: 0 }, ended - 1);
    expect(heldOf(limiter).lost).toBe(0);
    askLimiter(limiter, { cost: 0, more: 0 }, ended);
    expect(heldOf(limiter).lost).toBeGreaterThan(0);
  });

  test("forgets all when its clock was set back", () => {
    const limiter = newLimiter(settings);
    const shard = busyShard(limiter);
    expect(needsLimiter(shard, one, false, START - 1)).toBe(true);
    expect(shard.state.history.tokens).toBe(0);
  });

  test("takes back what is not told yet, and no more", () => {
    const limiter = newLimiter(settings);
    const shard = busyShard(limiter);
    const { tokens } = shard.state.history;
    ask(shard, limiter, one, START);
    refundShard(shard, 1, START);
    expect(shard.state.history.tokens).toBe(tokens);
    refundShard(shard, 1, START);
    expect(shard.state.history.tokens).toBe(tokens);
  });

  test("does not act on an answer that comes too late", () => {
    const limiter = newLimiter(settings);
    const shard = newShard("s", settings);
    openQuestion(shard, { cost: 5, more: 0 }, START);
    const question = askForShard(shard, START);
    const { answer } = askLimiter(limiter, question, START);
    giveUpShard(shard, question, START + bounds.shardWaitMs);
    expect(takeShardAnswer(shard, question, answer, START, START + bounds.shardWaitMs)).toBe(false);
    expect(shard.state.history.tokens).toBe(0);
    renew(shard, limiter, START + 1_000);
    expect(heldOf(limiter).tokens).toBe(shard.state.history.tokens);
  });

  test("repeats what the limiter says of shards", () => {
    const limiter = newLimiter(settings);
    const shard = newShard("s", settings);
    openQuestion(shard, one, START);
    const question = askForShard(shard, START);
    const { answer } = askLimiter(limiter, question, START);
    takeShardAnswer(shard, question, { ...answer, shards: { count: 4, sinceMs: 7 } }, START, START);
    expect(answerQuestion(shard, one, START).shards).toEqual({ count: 4, sinceMs: 7 });
  });
});

describe("slots through a shard", () => {
  const slots: LimiterSettings = { limit: 640, windowMs: 30_000, counts: "concurrent" };
  const report = (seq: number, inUse: number) => ({
    ...{ id: "a", seq, spent: 0, acknowledged: 0, left: inUse, inUse, sinceSpentMs: 0, demand: 0 },
  });

  test("are taken for requests that are there, and free again when these have ended", () => {
    const limiter = newLimiter(slots);
    const shard = newShard("s", slots);
    for (let seq = 1; seq <= 640; seq++)
      expect(ask(shard, limiter, { cost: 1, more: 0, account: report(seq, seq - 1) }, START).admitted).toBe(true);
    expect(ask(shard, limiter, { cost: 1, more: 0, account: report(641, 640) }, START).admitted).toBe(false);
    ask(shard, limiter, { cost: 0, more: 0, account: report(642, 0) }, START + 1);
    renew(shard, limiter, START + 2);
    expect(heldOf(limiter).inUse).toBe(0);
  });

  test("of an isolate that died come back when no request of it can run any more", () => {
    const limiter = newLimiter(slots);
    const shard = newShard("s", slots);
    ask(shard, limiter, { cost: 1, more: 0, account: report(1, 0) }, START);
    const { expiresAtMs = 0 } = shard.state.accounts.a ?? {};
    expect(expiresAtMs).toBeGreaterThanOrEqual(START + slots.windowMs + bounds.leaseMarginMs);
    for (let at = 5_000; START + at < expiresAtMs; at += 5_000) {
      ask(shard, limiter, { cost: 0, more: 0 }, START + at);
      renew(shard, limiter, START + at);
      expect(heldOf(limiter).inUse).toBe(1);
    }
    renew(shard, limiter, expiresAtMs);
    expect(heldOf(limiter).inUse).toBe(0);
  });
});
