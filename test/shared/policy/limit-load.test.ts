import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { countQuestion, newLimitLoad, shardOf, shardsMaxOf, stepShards } from "../../../shared/policy/limit-load.ts";
import type { LimitLoad } from "../../../shared/policy/limiter-state.ts";

const START = 1_790_000_000_000;
const wide = { limit: 1_000_000, windowMs: 60_000 };
const bounds = limits.rateLimit;

/** Questions of isolates at a steady rate. @returns the number of shards after it */
function load(state: LimitLoad, perSecond: number, fromMs: number, forMs: number, asked = 0): number {
  let count = 0;
  for (let at = 0; at < forMs; at += 1000 / perSecond) {
    countQuestion(state, false, fromMs + at);
    count = stepShards(state, asked, 500, wide, fromMs + at).count;
  }
  return count;
}

describe("shards", () => {
  test("are none while one object bears the questions", () => {
    expect(load(newLimitLoad(START), 450, START, 20_000)).toBe(1);
  });

  test("are as many as bear them, each change after the one before was felt", () => {
    const state = newLimitLoad(START);
    expect(load(state, 3_000, START, bounds.shardsFeltMs - 100)).toBe(2);
    expect(load(state, 3_000, START + bounds.shardsFeltMs, 5_000)).toBe(8);
  });

  test("stay while they say that they are asked, and become fewer when they were too many for long", () => {
    const state = newLimitLoad(START);
    load(state, 3_000, START, 12_000);
    const quiet = START + 30_000;
    for (let at = 0; at < 2 * bounds.shardsKeptMs; at += 1000)
      expect(stepShards(state, 3_000, 500, wide, quiet + at).count).toBe(8);
    const over = quiet + 2 * bounds.shardsKeptMs;
    expect(stepShards(state, 0, 500, wide, over).count).toBe(8);
    expect(stepShards(state, 0, 500, wide, over + bounds.shardsKeptMs).count).toBe(4);
    expect(stepShards(state, 0, 500, wide, over + bounds.shardsKeptMs).count).toBe(4);
    for (let at = 2; at < 6; at++) stepShards(state, 0, 500, wide, over + at * bounds.shardsKeptMs);
    expect(state.told.count).toBe(1);
  });

  test("are not multiplied where they themselves ask too much", () => {
    const state = newLimitLoad(START);
    for (let at = 0; at < 10_000; at += 3) {
      countQuestion(state, true, START + at);
      stepShards(state, 0, 500, wide, START + at);
    }
    expect(stepShards(state, 100_000, 500, wide, START + 10_000).count).toBe(1);
  });

  test("are told of with the moment from which on, which never goes back", () => {
    const state = newLimitLoad(START);
    load(state, 3_000, START, 12_000);
    const { sinceMs } = state.told;
    expect(sinceMs).toBeGreaterThan(START);
    state.feltAtMs = 0;
    expect(stepShards(state, 100_000, 500, wide, START - 5_000).sinceMs).toBeGreaterThan(sinceMs);
  });
});

test.each([
  ["a limit that is not lent", { limit: 31, windowMs: 60_000 }, 1],
  ["a window that is too short to lend", { limit: 1_000_000, windowMs: 199 }, 1],
  ["a limit of which two would hold too little", { limit: 511, windowMs: 60_000 }, 1],
  ["one of which two hold enough", { limit: 512, windowMs: 60_000 }, 2],
  ["a wide one", wide, bounds.shardsMax],
  ["slots", { limit: 5_000, windowMs: 30_000, counts: "concurrent" as const }, 16],
])("most shards of %s", (_, settings, most) => {
  expect(shardsMaxOf(settings)).toBe(most);
});

describe("an isolate's shard", () => {
  test("is the limiter itself where there is one alone", () => {
    expect(shardOf("an isolate", 1)).toBeUndefined();
  });

  test("is always the same, and all of them have isolates", () => {
    const counts = new Array<number>(8).fill(0);
    for (let at = 0; at < 8_000; at++) {
      const shard = shardOf(`isolate ${at}`, 8) ?? -1;
      expect(shardOf(`isolate ${at}`, 8)).toBe(shard);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });

  test("stays for half of the isolates when there are twice as many", () => {
    const names = Array.from({ length: 1_000 }, (_, at) => `isolate ${at}`);
    const stay = names.filter((name) => shardOf(name, 4) === shardOf(name, 8));
    expect(stay.length).toBeGreaterThan(400);
    expect(stay.length).toBeLessThan(600);
  });
});
