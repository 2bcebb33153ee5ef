import { describe, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { type LoadOptions, runLoad } from "./run-load.ts";

const hot: LoadOptions = {
  seed: 7,
  settings: { limit: 20_000, windowMs: 10_000 },
  leased: true,
  isolates: 10,
  keys: 1,
  ratePerSecond: 8_000,
  durationMs: 25_000,
};

const say = (what: string, figures: object): void => console.log(`${what}: ${JSON.stringify(figures)}`);

test("a hot key under four times its limit, from ten isolates", () => {
  const figures = runLoad(hot);
  say("ten isolates", figures);
  expect(figures.overAdmitted).toBeLessThanOrEqual(0);
  expect(figures.failures).toBe(0);
  expect(figures.callsPerRequest).toBeLessThanOrEqual(0.02);
  expect(figures.utilisation).toBeGreaterThanOrEqual(0.97);
});

test("a hot key at half its limit costs few calls and is never refused", () => {
  const figures = runLoad({ ...hot, ratePerSecond: 1_000 });
  say("half", figures);
  expect(figures.refused).toBe(0);
  expect(figures.callsPerRequest).toBeLessThanOrEqual(0.04);
});

test.each([1, 40, 200])("from %i isolates, many keys", (isolates) => {
  const settings = { limit: 500, windowMs: 5_000 };
  const figures = runLoad({ ...hot, settings, isolates, keys: 300, ratePerSecond: 1_500, durationMs: 11_000 });
  say(`${isolates} isolates`, figures);
  expect(figures.overAdmitted).toBeLessThanOrEqual(0);
  expect(figures.callsPerRequest).toBeLessThanOrEqual(1);
});

describe("a key that is hotter than one object bears, from fifty isolates, asked exactly", () => {
  const hotter: LoadOptions = { ...hot, leased: false, isolates: 50, durationMs: 31_000 };
  const callsMax = limits.rateLimit.callsPerSecondMax;

  test("shards answer for its limiter", () => {
    const figures = runLoad({ ...hotter, callsMax });
    say("shards", figures);
    expect(figures.shards).toBeGreaterThan(1);
    expect(figures.busiest).toBeLessThanOrEqual(callsMax);
    expect(figures.overAdmitted).toBeLessThanOrEqual(0);
    expect(figures.failures).toBe(0);
    expect(figures.utilisation).toBeGreaterThanOrEqual(0.97);
  });

  test("what evicted shards held is not there, and nothing is admitted twice", () => {
    const figures = runLoad({ ...hotter, callsMax, evictions: 0.5 });
    say("evicted shards", figures);
    expect(figures.overAdmitted).toBeLessThanOrEqual(0);
    expect(figures.utilisation).toBeGreaterThanOrEqual(0.93);
  });

  test("a limit that is never used up is never refused", () => {
    const figures = runLoad({ ...hotter, settings: { limit: 160_000, windowMs: 10_000 }, callsMax });
    say("shards, half", figures);
    expect(figures.refused).toBe(0);
    expect(figures.busiest).toBeLessThanOrEqual(callsMax);
  });
});

test("keys that are asked for once cost one call each", () => {
  const figures = runLoad({ ...hot, keys: 1_000_000, ratePerSecond: 500, durationMs: 4_000, uniform: true });
  say("cold", figures);
  expect(figures.callsPerRequest).toBeGreaterThan(0.999);
  expect(figures.callsPerRequest).toBeLessThanOrEqual(1);
});

test("a key that is used up costs next to nothing", () => {
  const settings = { limit: 100, windowMs: 60_000 };
  const figures = runLoad({ ...hot, settings, durationMs: 20_000 });
  say("used up", figures);
  expect(figures.admitted).toBe(100);
  const calls = figures.callsPerRequest * figures.requests;
  const perIsolate = 100 / hot.isolates + hot.durationMs / limits.rateLimit.refusedMsMax + 3;
  expect(calls).toBeLessThanOrEqual(100 + hot.isolates * perIsolate);
});
