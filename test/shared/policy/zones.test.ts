import { expect, test } from "vitest";
import { chooseLevel, newLevels, zoneLevel } from "../../../shared/policy/zones.ts";

const settings = { sufficientPercent: 70, failover: { a: ["c", "b"] } };

test("the own zone comes first, then the document's order, then all others alike", () => {
  const order = ["a", "b", "c", "d", undefined].map((zone) => zoneLevel("a", zone, settings));
  expect(order).toEqual([0, 2, 1, 3, 3]);
  expect(["b", "a", "c"].map((zone) => zoneLevel("b", zone, settings))).toEqual([0, 1, 1]);
  expect(zoneLevel("toString", "x", settings)).toBe(1);
});

/** Shares of the levels over many random numbers. */
function shares(counts: readonly number[], healthy: readonly number[], sufficientPercent = 70): number[] {
  const state = newLevels(counts.flatMap((count, level) => Array<number>(count).fill(level)));
  healthy.forEach((count, level) => {
    state.healthy[level] = count;
  });
  const hits = counts.map(() => 0);
  const times = 10_000;
  for (let n = 0; n < times; n++) {
    chooseLevel(state, { ...settings, sufficientPercent }, n / times);
    expect(state.random).toBeGreaterThanOrEqual(0);
    expect(state.random).toBeLessThan(1);
    if (state.level >= 0) hits[state.level] = (hits[state.level] as number) + 1;
  }
  return hits.map((hit) => Math.round((hit / times) * 100));
}

test.each([
  ["all healthy", [10, 10], [10, 10], [100, 0]],
  ["enough healthy", [10, 10], [7, 10], [100, 0]],
  ["half healthy: 50 / 70 stay", [10, 10], [5, 10], [71, 29]],
  ["none healthy at home", [10, 10], [0, 10], [0, 100]],
  ["spills on to the third", [10, 10, 10], [0, 3, 10], [0, 43, 57]],
  ["too few everywhere: in proportion", [10, 10], [1, 1], [50, 50]],
  ["a level without instances is none", [0, 4], [0, 4], [0, 100]],
  ["nobody is healthy", [3, 3], [0, 0], [0, 0]],
])("%s", (_what, counts, healthy, expected) => {
  expect(shares(counts, healthy)).toEqual(expected);
});

test("what is left of the random number is as random", () => {
  const state = newLevels([0, 0, 1, 1]);
  state.healthy[0] = 1;
  state.healthy[1] = 2;
  const rests: number[] = [];
  for (let n = 0; n < 1_000; n++) {
    chooseLevel(state, settings, n / 1_000);
    if (state.level === 1) rests.push(state.random);
  }
  const mean = rests.reduce((sum, one) => sum + one, 0) / rests.length;
  expect(Math.min(...rests)).toBeLessThan(0.02);
  expect(Math.max(...rests)).toBeGreaterThan(0.98);
  expect(mean).toBeCloseTo(0.5, 1);
});
