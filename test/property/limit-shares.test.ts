/** Limits over all instances of a service: agents that spend, ask, die, lose the control plane and find it again. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limiterFor } from "../../shared/policy/change-limiter.ts";
import {
  giveBackShare,
  isTold,
  newShare,
  shareSettings,
  takeShare,
  tellShare,
} from "../../shared/policy/limit-share.ts";
import { capacityOf, type LimiterSettings, newLimiter } from "../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../shared/policy/rate-limit.ts";
import { mostIn } from "../simulation/run-load.ts";

const EPOCH = 1_790_000_000_000;
const kinds: readonly LimiterSettings[] = [
  { limit: 40, windowMs: 10_000 },
  { limit: 1_300, windowMs: 60_000 },
  { limit: 7, windowMs: 1_000 },
];

const calls = fc.array(fc.record({ gapMs: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(900)), agent: fc.nat(4) }), {
  minLength: 50,
  maxLength: 300,
});

describe("shares of a limit that nobody counts", () => {
  test.each(kinds)("together never let more through than %j, with what had passed before", (settings) => {
    fc.assert(
      fc.property(
        calls,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 100 }),
        (list, instances, percent) => {
          const admitted: number[] = [];
          const limiter = newLimiter(settings);
          const before = Math.floor((settings.limit * percent) / 100);
          for (let at = 0; at < before; at++)
            if (askLimiter(limiter, { cost: 1, more: 0 }, EPOCH).answer.admitted) admitted.push(EPOCH);
          const { remaining } = askLimiter(limiter, { cost: 0, more: 0 }, EPOCH).answer;
          const left = { remaining, atMs: EPOCH };
          const shares = Array.from({ length: instances }, () => newShare(settings, instances, left, EPOCH));
          let nowMs = EPOCH;
          for (const { gapMs, agent } of list) {
            nowMs += gapMs;
            const share = shares[agent % instances];
            if (share && takeShare(share, settings, instances, nowMs).admitted) admitted.push(nowMs);
          }
          // Of less than one call for each instance each lets one through.
          const bound = Math.max(settings.limit, instances);
          expect(mostIn(admitted, settings.windowMs)).toBeLessThanOrEqual(bound);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a share is what is left where instances come and go, and at least one call", () => {
    expect(shareSettings({ limit: 10, windowMs: 1_000, burst: 5 }, 3)).toEqual({ limit: 3, windowMs: 1_000, burst: 1 });
    expect(shareSettings({ limit: 10, windowMs: 1_000 }, 30)).toEqual({ limit: 1, windowMs: 1_000 });
    expect(shareSettings({ limit: 10, windowMs: 1_000 }, 0)).toEqual({ limit: 10, windowMs: 1_000 });
  });

  test("nothing is let through where nothing was left", () => {
    const settings = { limit: 10, windowMs: 60_000 };
    const share = newShare(settings, 2, { remaining: 0, atMs: EPOCH }, EPOCH + 1);
    expect(takeShare(share, settings, 2, EPOCH + 2).admitted).toBe(false);
    expect(takeShare(share, settings, 2, EPOCH + 60_000).admitted).toBe(true);
  });
});

describe("what passed by a share", () => {
  const settings = { limit: 10, windowMs: 60_000 };

  test("is told once, and what came meanwhile with the next question", () => {
    const share = newShare(settings, 2, { remaining: 0, atMs: 0 }, EPOCH);
    for (let at = 0; at < 3; at++) takeShare(share, settings, 2, EPOCH + at);
    expect(isTold(share)).toBe(false);
    expect(tellShare(share, EPOCH + 10)).toEqual({ calls: 3, sinceMs: 8 });
    expect(isTold(share)).toBe(true);
    expect(tellShare(share, EPOCH + 10).calls).toBe(0);
    takeShare(share, settings, 2, EPOCH + 20);
    expect(tellShare(share, EPOCH + 30)).toEqual({ calls: 1, sinceMs: 10 });
  });

  test("is told as far as it counts yet: a long outage is no debt", () => {
    const share = newShare(settings, 1, { remaining: 0, atMs: 0 }, EPOCH);
    for (let minute = 0; minute < 20; minute++)
      for (let at = 0; at < 10; at++) takeShare(share, settings, 1, EPOCH + minute * 60_000);
    expect(share.passed).toBe(200);
    expect(tellShare(share, EPOCH + 19 * 60_000 + 1).calls).toBe(10);
  });

  test("and did not go on is given back", () => {
    const share = newShare(settings, 10, { remaining: 0, atMs: 0 }, EPOCH);
    expect(takeShare(share, settings, 10, EPOCH).admitted).toBe(true);
    giveBackShare(share, EPOCH, EPOCH + 1);
    expect(takeShare(share, settings, 10, EPOCH + 2).admitted).toBe(true);
    expect(tellShare(share, EPOCH + 3).calls).toBe(1);
    giveBackShare(share, EPOCH + 2, EPOCH + 4);
    expect(takeShare(share, settings, 10, EPOCH + 5).admitted).toBe(false);
  });

  test("counts for all when it is told: the limiter that heard it lends no more than the rest", () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), (first, second) => {
        const whole = { limit: 40, windowMs: 60_000 };
        const limiter = newLimiter(whole);
        const shares = [first, second].map((count) => {
          const share = newShare(whole, 2, { remaining: 0, atMs: 0 }, EPOCH);
          for (let at = 0; at < count; at++) takeShare(share, whole, 2, EPOCH + at);
          return share;
        });
        const passed = shares.reduce((sum, share) => sum + share.passed, 0);
        for (const [at, share] of shares.entries()) {
          const { calls: spent, sinceMs: sinceSpentMs } = tellShare(share, EPOCH + 1_000);
          const account = { id: `a${at}`, seq: 1, spent, acknowledged: 0, left: 0, inUse: 0, sinceSpentMs, demand: 0 };
          askLimiter(limiterFor(limiter, whole, EPOCH + 1_000), { cost: 0, more: 0, account }, EPOCH + 1_000);
        }
        const { answer } = askLimiter(limiter, { cost: 1, more: 100 }, EPOCH + 1_001);
        expect(Number(answer.admitted) + answer.more).toBe(capacityOf(whole) - passed);
      }),
    );
  });
});
