import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { limiterFor } from "../../../shared/policy/change-limiter.ts";
import type { LimitAnswer, LimiterSettings, LimiterState } from "../../../shared/policy/limiter-state.ts";
import { askLimiter, forgottenAtMs, refundLimiter } from "../../../shared/policy/rate-limit.ts";

const START = 1_790_000_000_000;

/** A limiter that is stored between any two questions. */
class Stored {
  state: LimiterState | undefined;

  ask(settings: LimiterSettings, nowMs: number, cost = 1): LimitAnswer {
    const stored = this.state === undefined ? undefined : (JSON.parse(JSON.stringify(this.state)) as LimiterState);
    this.state = limiterFor(stored, settings, nowMs);
    return askLimiter(this.state, { cost, more: 0 }, nowMs).answer;
  }
}

const counted = (list: readonly LimitAnswer[]): number => list.filter(({ admitted }) => admitted).length;
const many = (limiter: Stored, settings: LimiterSettings, nowMs: number, count: number): number =>
  counted(Array.from({ length: count }, () => limiter.ask(settings, nowMs)));

const ways: [string, Omit<LimiterSettings, "limit">][] = [
  ["sliding", { windowMs: 60_000 }],
  ["fixed", { windowMs: 60_000, window: "fixed" }],
  ["a month", { windowMs: 31 * 86_400_000, window: "month" }],
];

describe.each(ways)("%s", (_, way) => {
  test("raised: what was counted stays counted", () => {
    const limiter = new Stored();
    expect(many(limiter, { ...way, limit: 10 }, START, 20)).toBe(10);
    expect(many(limiter, { ...way, limit: 25 }, START + 1, 40)).toBe(15);
  });

  test("lowered: at once, and no more than before", () => {
    const limiter = new Stored();
    expect(many(limiter, { ...way, limit: 20 }, START, 12)).toBe(12);
    expect(limiter.ask({ ...way, limit: 10 }, START + 1)).toMatchObject({ admitted: false, remaining: 0 });
    expect(limiter.ask({ ...way, limit: 13 }, START + 1)).toMatchObject({ admitted: true, remaining: 0 });
  });

  test("over the border of what is logged and back", () => {
    const limiter = new Stored();
    const over = limits.rateLimit.exactLogMax + 500;
    expect(many(limiter, { ...way, limit: 700 }, START, 650)).toBe(650);
    expect(many(limiter, { ...way, limit: over }, START + 10, 600)).toBe(600);
    expect(many(limiter, { ...way, limit: 700 }, START + 20, 100)).toBe(0);
    expect(many(limiter, { ...way, limit: over }, START + 30, 600)).toBe(over - 1250);
  });

  test("two numbers in turn, as callers of two plans or isolates of two documents ask", () => {
    const limiter = new Stored();
    let passed = 0;
    for (let at = 0; at < 3000; at++)
      passed += counted([limiter.ask({ ...way, limit: at % 2 === 0 ? 900 : 1100 }, START + at)]);
    expect(passed).toBe(1100);
  });
});

test("what is refused under one limit is told when that admits again", () => {
  const limiter = new Stored();
  many(limiter, { limit: 20, windowMs: 1000 }, START, 10);
  many(limiter, { limit: 20, windowMs: 1000 }, START + 500, 10);
  const { resetMs } = limiter.ask({ limit: 5, windowMs: 1000 }, START + 600);
  expect(resetMs).toBe(900);
  expect(limiter.ask({ limit: 5, windowMs: 1000 }, START + 600 + resetMs - 1).admitted).toBe(false);
  expect(limiter.ask({ limit: 5, windowMs: 1000 }, START + 600 + resetMs).admitted).toBe(true);
});

test("a window is logged again when no limit has needed slices for a window", () => {
  const limiter = new Stored();
  limiter.ask({ limit: 2000, windowMs: 6000 }, START);
  limiter.ask({ limit: 2000, windowMs: 6000 }, START + 1);
  limiter.ask({ limit: 100, windowMs: 6000 }, START + 3000);
  expect(limiter.state?.history.kind).toBe("slices");
  limiter.ask({ limit: 100, windowMs: 6000 }, START + 6001);
  expect(limiter.state?.history.kind).toBe("log");
  expect(limiter.ask({ limit: 100, windowMs: 6000 }, START + 6150).remaining).toBe(97);
});

test("a refund finds its tokens after the change", () => {
  const limiter = new Stored();
  const { atMs } = limiter.ask({ limit: 2, windowMs: 6000 }, START);
  limiter.ask({ limit: 2000, windowMs: 6000 }, START + 1);
  refundLimiter(limiter.state as LimiterState, atMs, 1, START + 2);
  expect(limiter.ask({ limit: 2000, windowMs: 6000 }, START + 2).remaining).toBe(1998);
});

describe("a burst", () => {
  const slow = { limit: 10, windowMs: 1000, burst: 10 };
  const fast = { limit: 100, windowMs: 1000, burst: 100 };

  test("raised: the larger bucket is as much emptier as the smaller one was", () => {
    const limiter = new Stored();
    expect(many(limiter, slow, START, 20)).toBe(10);
    expect(many(limiter, fast, START, 200)).toBe(90);
  });

  test("lowered: what stands above drains as fast as it came in, then the new rate holds", () => {
    const limiter = new Stored();
    expect(many(limiter, fast, START, 200)).toBe(100);
    const { resetMs } = limiter.ask(slow, START);
    // 90 above the burst at 100 a second, then one at 10 a second.
    expect(resetMs).toBe(1000);
    expect(limiter.ask(slow, START + 999).admitted).toBe(false);
    expect(many(limiter, slow, START + 1000, 5)).toBe(1);
    expect(many(limiter, slow, START + 2000, 50)).toBe(10);
  });

  test("lowered and raised again: what an older limit would have drained says nothing", () => {
    const limiter = new Stored();
    const deep = { limit: 10, windowMs: 1000, burst: 1000 };
    limiter.ask({ limit: 1000, windowMs: 1000, burst: 1 }, START);
    expect(many(limiter, deep, START, 1200)).toBe(999);
    limiter.ask(slow, START);
    expect(many(limiter, deep, START + 1000, 1200)).toBe(10);
  });

  test("what has passed before the change has drained at the rate before", () => {
    const limiter = new Stored();
    many(limiter, slow, START, 10);
    expect(many(limiter, fast, START + 500, 200)).toBe(95);
  });

  test("a late refund takes nothing that drained at a faster rate", () => {
    const limiter = new Stored();
    const { atMs } = limiter.ask(fast, START);
    many(limiter, fast, START, 1);
    expect(many(limiter, slow, START + 20, 20)).toBe(10);
    refundLimiter(limiter.state as LimiterState, atMs, 1, START + 20);
    expect(limiter.ask(slow, START + 20).admitted).toBe(false);
  });

  test("of several limits in any order admits no more than the largest burst and rate allow", () => {
    const numbers = fc.record({ limit: fc.integer({ min: 1, max: 60 }), burst: fc.integer({ min: 1, max: 40 }) });
    const asked = fc.array(fc.tuple(fc.oneof(fc.constant(0), fc.nat(30), fc.nat(800)), fc.nat(2)), { maxLength: 300 });
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 3, maxLength: 3 }), asked, (plans, list) => {
        const limiter = new Stored();
        const times: number[] = [];
        let nowMs = START;
        for (const [gapMs, which] of list) {
          nowMs += gapMs;
          const plan = plans[which] as (typeof plans)[number];
          if (limiter.ask({ ...plan, windowMs: 1000 }, nowMs).admitted) times.push(nowMs);
        }
        const burst = Math.max(...plans.map((plan) => plan.burst));
        const rate = Math.max(...plans.map((plan) => plan.limit));
        for (const [first, from] of times.entries())
          for (const [more, to] of times.slice(first).entries())
            expect(more + 1).toBeLessThanOrEqual(burst + (rate * (to - from)) / 1000);
      }),
    );
  });

  test("is forgotten when it is empty", () => {
    const limiter = new Stored();
    many(limiter, fast, START, 100);
    limiter.ask(slow, START);
    expect(forgottenAtMs(limiter.state as LimiterState)).toBe(START + 900 + 1000);
  });
});

test("requests at once: those that run count under every limit", () => {
  const slots = (limit: number): LimiterSettings => ({ limit, windowMs: 5000, counts: "concurrent" });
  const ask = (state: LimiterState | undefined, limit: number, id: string): [LimiterState, boolean] => {
    const next = limiterFor(state, slots(limit), START);
    const account = { id, seq: 1, spent: 0, acknowledged: 0, left: 0, inUse: 0, sinceSpentMs: 0, demand: 0 };
    return [next, askLimiter(next, { cost: 1, more: 0, account }, START).answer.admitted];
  };
  let state: LimiterState | undefined;
  const admitted: boolean[] = [];
  for (const [at, limit] of [2, 2, 2, 3, 2, 3, 4].entries()) {
    const [next, passed] = ask(state, limit, `isolate-${at}`);
    state = next;
    admitted.push(passed);
  }
  expect(admitted).toEqual([true, true, false, true, false, false, true]);
});

test("what counts in another way begins anew", () => {
  const limiter = new Stored();
  many(limiter, { limit: 5, windowMs: 1000 }, START, 5);
  expect(limiter.ask({ limit: 5, windowMs: 2000 }, START).remaining).toBe(4);
  expect(limiter.ask({ limit: 5, windowMs: 2000, burst: 9 }, START).remaining).toBe(8);
});
