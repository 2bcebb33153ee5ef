import fc from "fast-check";
import { expect, test } from "vitest";
import { type Returning, returnWaitMs } from "../../../shared/policy/return-slots.ts";
import { RETURNS } from "../../support/return-settings.ts";

const lost = (): Returning => ({ returnsAtMs: 0 });

test("whoever lost its connection by itself is welcome", () => {
  const slots = { nextReturnAtMs: 90_000 };
  expect(returnWaitMs(slots, {}, 100, 85_000, RETURNS)).toBe(0);
  expect(slots.nextReturnAtMs).toBe(90_000);
});

test("a few come at once or soon, many over the spread", () => {
  const waits = (size: number): number[] => {
    const slots = { nextReturnAtMs: 0 };
    return Array.from({ length: size }, () => returnWaitMs(slots, lost(), size, 50_000, RETURNS));
  };
  expect(waits(4)).toEqual([0, 200, 400, 600]);
  const many = waits(250);
  expect(many.filter((wait) => wait === 0)).toHaveLength(3);
  expect(many.at(-1)).toBe(249 * 40);
});

test("whoever comes early is told the same time again, and is welcome then", () => {
  const slots = { nextReturnAtMs: 4_000 };
  const one = lost();
  expect(returnWaitMs(slots, one, 1_000, 0, RETURNS)).toBe(4_000);
  expect(returnWaitMs(slots, one, 1_000, 500, RETURNS)).toBe(3_500);
  expect(slots.nextReturnAtMs).toBe(4_010);
  expect(returnWaitMs(slots, one, 1_000, 3_900, RETURNS)).toBe(0);
});

test("a clock that is set back makes nobody wait for longer", () => {
  const slots = { nextReturnAtMs: 1_000_000 };
  const before: Returning = { returnsAtMs: 1_000_000 };
  expect(returnWaitMs(slots, before, 100, 0, RETURNS)).toBe(0);
  expect(returnWaitMs(slots, lost(), 100, 0, RETURNS)).toBe(0);
  expect(returnWaitMs(slots, lost(), 100, 0, RETURNS)).toBe(0);
  expect(slots.nextReturnAtMs).toBe(200);
});

test("however agents ask, no second takes more than its share, and all are in by the end", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 400 }),
      fc.array(fc.nat(3_000), { minLength: 50, maxLength: 400 }),
      (size, first) => {
        const slots = { nextReturnAtMs: 0 };
        const asks = first.slice(0, size).map((atMs) => ({ atMs, one: lost() }));
        const inAtMs: number[] = [];
        while (asks.length > 0) {
          asks.sort((a, b) => b.atMs - a.atMs);
          const { atMs, one } = asks.pop() as (typeof asks)[number];
          const waitMs = returnWaitMs(slots, one, size, atMs, RETURNS);
          if (waitMs === 0) inAtMs.push(atMs);
          else asks.push({ atMs: atMs + waitMs, one });
        }
        const share = (size / RETURNS.returnSpreadMs) * 1_000;
        const busiest = Math.max(
          ...inAtMs.map((from) => inAtMs.filter((at) => at >= from && at < from + 1_000).length),
        );
        expect(busiest).toBeLessThanOrEqual(share + 5);
        expect(Math.max(...inAtMs)).toBeLessThanOrEqual(3_000 + RETURNS.returnSpreadMs);
      },
    ),
    { numRuns: 50 },
  );
});
