import { expect, test } from "vitest";
import { drawRequest, failedPlace, newDraw, nextDrawn, takeDrawn } from "../../../shared/policy/record-draw.ts";
import { seededRandom } from "../../simulation/event-queue.ts";

function draw(requests: number, max: number, random: () => number) {
  const state = newDraw<number>(max);
  let looks = 0;
  for (let at = 0; at < requests; at++) {
    const place = drawRequest(state, random);
    if (place === undefined) continue;
    looks++;
    state.drawn[place] = at;
  }
  return { state, looks };
}

test("few requests are all kept, each for itself", () => {
  const { state } = draw(5, 8, Math.random);
  expect(takeDrawn(state)).toEqual([0, 1, 2, 3, 4].map((item) => ({ weight: 1, item })));
});

test("of many each is as likely as any other, and few are looked at", () => {
  const random = seededRandom(7);
  const tenths = Array<number>(10).fill(0);
  let [all, fewest] = [0, 0];
  for (let round = 0; round < 400; round++) {
    const { state, looks } = draw(1_000, 10, random);
    fewest = Math.max(fewest, looks);
    for (const { weight, item } of takeDrawn(state)) {
      expect(weight).toBe(100);
      tenths[Math.floor(item / 100)] = (tenths[Math.floor(item / 100)] ?? 0) + 1;
      all++;
    }
  }
  expect(all).toBe(4_000);
  // 400 expected in each tenth; the standard deviation is 19.
  for (const count of tenths) expect(Math.abs(count - 400)).toBeLessThan(80);
  expect(fewest).toBeLessThan(120);
});

test("random numbers at their ends do no harm", () => {
  for (const end of [0, 1 - Number.EPSILON]) {
    const { state } = draw(10_000, 4, () => end);
    expect(takeDrawn(state)).toHaveLength(4);
  }
});

test("what failed is kept by its trace, the same wherever it is looked at", () => {
  const traces = Array.from({ length: 50 }, (_, at) => `${"a".repeat(18)}${String((at * 37) % 50).padStart(14, "0")}`);
  const keep = (order: readonly string[]) => {
    const failed: { traceId: string }[] = [];
    for (const traceId of order) {
      const place = failedPlace(failed, traceId, 4);
      if (place !== undefined) failed[place] = { traceId };
    }
    return failed.map(({ traceId }) => traceId).sort();
  };
  expect(keep(traces)).toEqual([...traces].sort().slice(0, 4));
  expect(keep([...traces].reverse())).toEqual(keep(traces));
});

test("holes are left out, and a route that is known well is drawn less", () => {
  const state = newDraw<string>(4);
  for (let at = 0; at < 4; at++) drawRequest(state, Math.random);
  state.drawn[3] = "d";
  state.failed.push({ traceId: "t", item: "f" });
  expect(takeDrawn(state)).toEqual([
    { weight: 1, item: "d" },
    { weight: 1, item: "f" },
  ]);
  expect([nextDrawn(32, 32, 1), nextDrawn(2, 10, 0), nextDrawn(16, 16, 16), nextDrawn(8, 0, 0)]).toEqual([
    16, 2, 32, 8,
  ]);
});
