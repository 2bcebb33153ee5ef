import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  newLimiter,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter, forgottenAtMs, refundLimiter } from "../../../shared/policy/rate-limit.ts";

const START = 1_790_000_000_000;
const take = (state: LimiterState, nowMs: number, cost = 1): LimitAnswer =>
  askLimiter(state, { cost, more: 0 }, nowMs).answer;
const refund = (state: LimiterState, atMs: number, nowMs = atMs): void => refundLimiter(state, atMs, 1, nowMs);
const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(400)), { minLength: 1, maxLength: 300 });

/** Times at which arrivals with these gaps were admitted. */
function admittedTimes(settings: LimiterSettings, arrivalGaps: readonly number[]): number[] {
  const state = newLimiter(settings);
  const times: number[] = [];
  let now = START;
  for (const gap of arrivalGaps) {
    now += gap;
    if (take(state, now).admitted) times.push(now);
  }
  return times;
}

/** Most admissions in any half-open window of that length. */
function most(times: readonly number[], windowMs: number): number {
  let best = 0;
  for (let last = 0, first = 0; last < times.length; last++) {
    while ((times[first] as number) <= (times[last] as number) - windowMs) first++;
    best = Math.max(best, last - first + 1);
  }
  return best;
}

describe("exact log", () => {
  test("admits no more than the limit in any window", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1000 }), gaps, (limit, windowMs, list) => {
        expect(most(admittedTimes({ limit, windowMs }, list), windowMs)).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test("refuses only when the window before holds the whole limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1000 }), gaps, (limit, windowMs, list) => {
        const state = newLimiter({ limit, windowMs });
        const times: number[] = [];
        let now = START;
        for (const gap of list) {
          now += gap;
          const inWindow = times.filter((time) => time > now - windowMs).length;
          const verdict = take(state, now);
          expect(verdict.admitted).toBe(inWindow < limit);
          if (verdict.admitted) times.push(now);
          expect(verdict.remaining).toBe(limit - times.filter((time) => time > now - windowMs).length);
        }
      }),
    );
  });

  test("what resetMs promises, holds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 2, max: 1000 }), gaps, (limit, windowMs, list) => {
        const state = newLimiter({ limit, windowMs });
        let now = START;
        for (const gap of list) {
          now += gap;
          const verdict = take(state, now);
          if (verdict.admitted) continue;
          expect(take(structuredClone(state), now + verdict.resetMs - 1).admitted).toBe(false);
          expect(take(structuredClone(state), now + verdict.resetMs).admitted).toBe(true);
        }
      }),
    );
  });

  test("a refund is as if it never was", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        gaps,
        fc.array(fc.boolean(), { maxLength: 300 }),
        (limit, list, back) => {
          const settings = { limit, windowMs: 500 };
          const state = newLimiter(settings);
          const times: number[] = [];
          let now = START;
          list.forEach((gap, at) => {
            now += gap;
            const inWindow = times.filter((time) => time > now - 500).length;
            const verdict = take(state, now);
            expect(verdict.admitted).toBe(inWindow < limit);
            if (verdict.admitted && back[at]) refund(state, verdict.atMs);
            else if (verdict.admitted) times.push(now);
          });
        },
      ),
    );
  });

  test("a clock that goes back stands still", () => {
    const state = newLimiter({ limit: 2, windowMs: 100 });
    expect(take(state, START).admitted).toBe(true);
    expect(take(state, START - 50).atMs).toBe(START);
    expect(take(state, START - 50).admitted).toBe(false);
    expect(take(state, START + 100).admitted).toBe(true);
  });

  test("survives being stored at any moment", () => {
    const settings = { limit: 3, windowMs: 100 };
    let state = newLimiter(settings);
    for (let at = 0; at < 3; at++) {
      expect(take(state, START + at).admitted).toBe(true);
      state = JSON.parse(JSON.stringify(state));
    }
    expect(take(state, START + 50).admitted).toBe(false);
    expect(take(state, START + 100).admitted).toBe(true);
    expect(forgottenAtMs(state)).toBe(START + 200);
  });
});

describe("slices above the exact log", () => {
  const over = limits.rateLimit.exactLogMax + 1;

  test("admit no more than the limit in any window", () => {
    const bursts = fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: over })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 6000 }), bursts, (windowMs, list) => {
        const state = newLimiter({ limit: over, windowMs });
        const times: number[] = [];
        let now = START;
        for (const [gap, count] of list) {
          now += gap;
          for (let at = 0; at < count; at++) if (take(state, now).admitted) times.push(now);
        }
        expect(most(times, windowMs)).toBeLessThanOrEqual(over);
      }),
      { numRuns: 50 },
    );
  });

  test("leave at most one slice's share unused at a steady rate", () => {
    const windowMs = 60_000;
    const state = newLimiter({ limit: 6000, windowMs });
    const times: number[] = [];
    for (let now = START; now < START + 3 * windowMs; now += 5) if (take(state, now).admitted) times.push(now);
    const late = times.filter((time) => time >= START + windowMs).length / 2;
    expect(late).toBeGreaterThanOrEqual(
      (6000 * limits.rateLimit.slidingSlices) / (limits.rateLimit.slidingSlices + 1) - 100,
    );
    expect(most(times, windowMs)).toBeLessThanOrEqual(6000);
  });

  test("a client far below the limit is never refused, and a refund counts", () => {
    const state = newLimiter({ limit: over, windowMs: 6000 });
    for (let at = 0; at < 5000; at++) expect(take(state, START + at * 10).admitted).toBe(true);
    const full = newLimiter({ limit: over, windowMs: 6000 });
    let last = take(full, START);
    for (let at = 1; at < over; at++) last = take(full, START);
    expect(take(full, START).admitted).toBe(false);
    refund(full, last.atMs);
    expect(take(full, START).admitted).toBe(true);
  });

  test("what resetMs promises, holds", () => {
    const full = newLimiter({ limit: over, windowMs: 6000 });
    for (let at = 0; at < over; at++) take(full, START + 37);
    const { resetMs, remaining } = take(full, START + 1037);
    expect(remaining).toBe(0);
    expect(take(structuredClone(full), START + 1037 + resetMs).admitted).toBe(true);
  });
});

describe("GCRA", () => {
  const settings = fc.record({
    limit: fc.integer({ min: 1, max: 50 }),
    windowMs: fc.integer({ min: 1, max: 1000 }),
    burst: fc.integer({ min: 1, max: 20 }),
  });

  test("admits at most burst + rate x time in any time", () => {
    fc.assert(
      fc.property(settings, gaps, (one, list) => {
        const times = admittedTimes(one, list);
        for (let first = 0; first < times.length; first++)
          for (let last = first; last < times.length; last++) {
            const span = (times[last] as number) - (times[first] as number);
            expect(last - first + 1).toBeLessThanOrEqual(one.burst + (one.limit * span) / one.windowMs);
          }
      }),
    );
  });

  test("never refuses a client that keeps to the rate", () => {
    fc.assert(
      fc.property(settings, fc.array(fc.nat(50), { maxLength: 200 }), (one, extra) => {
        const state = newLimiter(one);
        let now = START;
        for (const more of extra) {
          now += Math.ceil(one.windowMs / one.limit) + more;
          expect(take(state, now).admitted).toBe(true);
        }
      }),
    );
  });

  test("a burst, then one after each interval; resetMs is exact", () => {
    const state = newLimiter({ limit: 10, windowMs: 1000, burst: 3 });
    expect([1, 2, 3].map(() => take(state, START).remaining)).toEqual([2, 1, 0]);
    const refused = take(state, START);
    expect(refused).toMatchObject({ admitted: false, remaining: 0, resetMs: 100 });
    expect(take(structuredClone(state), START + 99).admitted).toBe(false);
    expect(take(state, START + 100).admitted).toBe(true);
    refund(state, START + 100);
    expect(take(state, START + 100).admitted).toBe(true);
  });
});

describe("a late refund of a burst", () => {
  test("takes nothing from those that came later", () => {
    const state = newLimiter({ limit: 1, windowMs: 1000, burst: 1 });
    const first = take(state, START);
    expect(take(state, START + 1000).admitted).toBe(true);
    refund(state, first.atMs, START + 1000);
    expect(take(state, START + 1000).admitted).toBe(false);
  });
});

describe("fixed windows", () => {
  test("begin anew at the border, whatever came before", () => {
    const state = newLimiter({ limit: 2, windowMs: 60_000, window: "fixed" });
    const border = Math.ceil(START / 60_000) * 60_000;
    expect(
      [take(state, border - 2), take(state, border - 1), take(state, border - 1)].map(({ admitted }) => admitted),
    ).toEqual([true, true, false]);
    expect(take(state, border - 1).resetMs).toBe(1);
    expect(take(state, border)).toMatchObject({ admitted: true, remaining: 1, resetMs: 60_000 });
  });

  test("of a month begin on its first day, also in a leap year", () => {
    const state = newLimiter({ limit: 1, windowMs: 31 * 86_400_000, window: "month" });
    expect(take(state, Date.UTC(2028, 1, 29, 23, 59, 59)).admitted).toBe(true);
    expect(take(state, Date.UTC(2028, 1, 29, 23, 59, 59, 999))).toMatchObject({ admitted: false, resetMs: 1 });
    expect(take(state, Date.UTC(2028, 2, 1)).admitted).toBe(true);
    expect(forgottenAtMs(state)).toBe(Date.UTC(2028, 3, 1));
  });
});

describe("costs", () => {
  test("are taken whole or not at all", () => {
    const state = newLimiter({ limit: 10, windowMs: 1000 });
    expect(take(state, START, 7)).toMatchObject({ admitted: true, remaining: 3 });
    expect(take(state, START, 4)).toMatchObject({ admitted: false, resetMs: 1000, emptyCost: 4 });
    expect(take(state, START, 3).admitted).toBe(true);
  });

  test("beyond the limit are never admitted, and block nobody", () => {
    const state = newLimiter({ limit: 10, windowMs: 1000 });
    expect(take(state, START, 11).admitted).toBe(false);
    expect(take(state, START, 10).admitted).toBe(true);
  });
});
