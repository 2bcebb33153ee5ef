import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BalanceQuestion, balanceStep, GRADE, newBalancer } from "../../../shared/policy/balance.ts";
import {
  answerSampleMs,
  freshShare,
  latencyMsAt,
  type MutableLoad,
  newEndpointLoad,
  observeLatency,
  weightOf,
} from "../../../shared/policy/endpoint-load.ts";
import { hashText } from "../../../shared/policy/rendezvous.ts";
import type { BalanceSettings } from "../../../shared/policy/settings.ts";
import { randomOf } from "../../support/queue-world.ts";

const NOW = 1_000_000;
const { out, tried, good } = GRADE;

function fixture(weights: readonly number[], settings: BalanceSettings, seed = 1) {
  const loads: MutableLoad[] = weights.map((weight, at) => newEndpointLoad(`orders-${at}`, weight, NOW));
  const state = newBalancer(loads, settings);
  const random = randomOf(seed);
  const pick = (more: Partial<BalanceQuestion> = {}): number =>
    balanceStep(state, { loads, grades: undefined, settings, random: random(), nowMs: NOW, key: undefined, ...more });
  const shares = (count: number, more: Partial<BalanceQuestion> = {}): number[] => {
    const taken = loads.map(() => 0);
    for (let n = 0; n < count; n++) {
      const at = pick(more);
      taken[at] = (taken[at] as number) + 1;
    }
    return taken.map((one) => one / count);
  };
  return { loads, pick, shares };
}

const policies = (["peak-ewma", "least-request", "round-robin", "consistent-hash"] as const).map((policy) => ({
  policy,
}));

describe("every policy", () => {
  test.each(policies)("$policy takes good ones before tried ones, and never one that is out", (settings) => {
    const { pick } = fixture([1, 1, 1, 1], settings);
    for (let n = 0; n < 200; n++) {
      expect([1, 3]).toContain(pick({ grades: [out, good, tried, good], key: n }));
      expect(pick({ grades: [out, tried, out, out], key: n })).toBe(1);
      expect(pick({ grades: [out, out, out, out], key: n })).toBe(-1);
    }
    expect(fixture([], settings).pick()).toBe(-1);
    expect(fixture([1], settings).pick({ grades: [out] })).toBe(-1);
    expect(fixture([0], settings).pick()).toBe(0);
  });

  test.each(policies)("$policy: shares are as the weights", (settings) => {
    const { shares } = fixture([1, 3, 0, 4], settings);
    const keys = randomOf(7);
    const counts = [0, 0, 0, 0];
    const { pick } = fixture([1, 3, 0, 4], settings);
    for (let n = 0; n < 8_000; n++) {
      const at = pick({ key: hashText(`k${keys()}`) });
      counts[at] = (counts[at] as number) + 1 / 8_000;
    }
    for (const taken of settings.policy === "consistent-hash" ? [counts] : [counts, shares(8_000)]) {
      expect(taken[2]).toBe(0);
      expect(taken[0]).toBeLessThan(taken[1] as number);
      expect(taken[1]).toBeLessThan(taken[3] as number);
    }
    if (settings.policy === "round-robin") expect(shares(800)).toEqual([1 / 8, 3 / 8, 0, 4 / 8]);
    if (settings.policy === "consistent-hash") {
      expect(counts[0]).toBeCloseTo(1 / 8, 1);
      expect(counts[3]).toBeCloseTo(4 / 8, 1);
    }
  });

  test("property: an index of the best grade there is, whatever weights and loads are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ weight: fc.nat(3), grade: fc.nat(2), pending: fc.nat(5) }), { maxLength: 8 }),
        fc.constantFrom(...policies),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.option(fc.nat(), { nil: undefined }),
        (ones, settings, random, key) => {
          const { loads, pick } = fixture(
            ones.map(({ weight }) => weight),
            { ...settings, boundedLoad: 1.2, slowStart: { windowMs: 1_000, aggression: 2 } },
          );
          ones.forEach(({ pending }, at) => {
            (loads[at] as MutableLoad).pending = pending;
          });
          const grades = ones.map(({ grade }) => grade);
          const best = Math.max(0, ...grades);
          const at = pick({ grades, random, key });
          if (best === out) expect(at).toBe(-1);
          else expect(grades[at]).toBe(best);
        },
      ),
    );
  });
});

describe("power of two choices", () => {
  test("both numbers of a pair are drawn alike, and never the same one twice", () => {
    const { loads, shares } = fixture([1, 1, 1, 1, 1], { policy: "least-request" });
    for (const share of shares(10_000)) expect(share).toBeCloseTo(0.2, 1);
    // Of five the busiest one never wins a pair.
    (loads[2] as MutableLoad).pending = 9;
    expect(shares(2_000)[2]).toBe(0);
  });

  test("a slow endpoint is passed over until what is known of it has faded", () => {
    const { loads, pick } = fixture([1, 1], { policy: "peak-ewma" });
    const [slow, fast] = loads as [MutableLoad, MutableLoad];
    observeLatency(slow, 200, NOW);
    observeLatency(fast, 10, NOW);
    const takes = (nowMs: number): number => pick({ nowMs });
    expect(takes(NOW)).toBe(1);
    for (let ms = 0; ms <= 40_000; ms += 100) observeLatency(fast, 10, NOW + ms);
    expect(takes(NOW + 20_000)).toBe(1);
    expect(takes(NOW + 40_000)).toBe(0);
  });

  test("requests in flight count against a fast one", () => {
    const { loads, pick } = fixture([1, 1], { policy: "peak-ewma" });
    const [fast, slow] = loads as [MutableLoad, MutableLoad];
    fast.latencyMs = 10;
    slow.latencyMs = 25;
    expect(pick()).toBe(0);
    fast.pending = 3;
    expect(pick()).toBe(1);
  });
});

describe("what is known of an endpoint's time", () => {
  const load = () => newEndpointLoad("a", 1, NOW);

  test("a peak counts at once, what is below moves it by its age", () => {
    const one = load();
    observeLatency(one, 100, NOW + 1);
    expect(one.latencyMs).toBe(100);
    observeLatency(one, 10, NOW + 2);
    expect(one.latencyMs).toBeCloseTo(100, 0);
    observeLatency(one, 10, NOW + 10_002);
    expect(one.latencyMs).toBeCloseTo(10 + 90 / Math.E, 0);
  });

  test("without samples it fades, which changes nothing", () => {
    const one = load();
    expect(latencyMsAt(one, NOW + 10_000)).toBeCloseTo(30 / Math.E, 5);
    expect(one.latencyMs).toBe(30);
    expect(latencyMsAt(one, NOW - 5)).toBe(30);
  });

  test("who fails fast is not fast, and who asks for a pause gets it, within bounds", () => {
    const one = load();
    expect(answerSampleMs(one, 1, false, 0, NOW)).toBe(1);
    expect(answerSampleMs(one, 1, true, 0, NOW)).toBe(120);
    expect(answerSampleMs(one, 100, true, 0, NOW)).toBe(400);
    one.latencyMs = 4_000;
    expect(answerSampleMs(one, 1, true, 0, NOW)).toBe(5_000);
    expect(answerSampleMs(one, 9_000, true, 0, NOW)).toBe(9_000);
    expect(answerSampleMs(one, 1, true, 20_000, NOW)).toBe(20_000);
    expect(answerSampleMs(one, 1, true, 1e9, NOW)).toBe(60_000);
  });
});

test("a new instance starts with a tenth and gets all after its window", () => {
  const one = newEndpointLoad("a", 1, NOW);
  const slowStart = { windowMs: 10_000, aggression: 1 };
  expect(freshShare(one, slowStart, NOW)).toBe(1);
  one.freshSinceMs = NOW;
  expect(freshShare(one, undefined, NOW)).toBe(1);
  const at = (ms: number, aggression = 1): number => freshShare(one, { ...slowStart, aggression }, NOW + ms);
  expect([0, 500, 5_000, 9_000, 10_000].map((ms) => at(ms))).toEqual([0.1, 0.1, 0.5, 0.9, 1]);
  expect(at(2_500, 2)).toBe(0.5);
  const { loads, shares } = fixture([1, 1], { policy: "round-robin", slowStart });
  (loads[1] as MutableLoad).freshSinceMs = NOW;
  expect(shares(110)[1]).toBeCloseTo(1 / 11, 5);
  expect(shares(300, { nowMs: NOW + 5_000 })[1]).toBeCloseTo(1 / 3, 2);
});

test("weights are numbers in the label that the document names", () => {
  const settings: BalanceSettings = { policy: "round-robin", weightLabel: "weight" };
  const of = (weight: string): number => weightOf({ weight }, settings);
  expect(["3", "0", "0.5", "9999", "-1", "x", "1e3", ""].map(of)).toEqual([3, 0, 0.5, 1000, 1, 1, 1, 1]);
  expect(weightOf({ weight: "3" }, { policy: "round-robin" })).toBe(1);
  expect(weightOf({}, { policy: "round-robin", weightLabel: "constructor" })).toBe(1);
});

describe("consistent hash", () => {
  const settings: BalanceSettings = { policy: "consistent-hash" };
  const keys = Array.from({ length: 5_000 }, (_, at) => hashText(`user-${at}`));

  test("keys are spread evenly, stay where they are, and only those of an endpoint that leaves move", () => {
    const { pick } = fixture([1, 1, 1, 1, 1], settings);
    const before = keys.map((key) => pick({ key }));
    for (let at = 0; at < 5; at++) {
      const share = before.filter((one) => one === at).length / keys.length;
      expect(Math.abs(share - 0.2)).toBeLessThan(0.03);
    }
    expect(keys.map((key) => pick({ key }))).toEqual(before);
    const after = keys.map((key) => pick({ key, grades: [good, good, out, good, good] }));
    after.forEach((now, at) => {
      if (before[at] !== 2) expect(now).toBe(before[at]);
    });
    const moved = after.filter((_, at) => before[at] === 2);
    for (const other of [0, 1, 3, 4]) expect(moved.filter((one) => one === other).length).toBeGreaterThan(150);
  });

  test("without a key it is as without a hash", () => {
    const { loads, pick } = fixture([1, 1], settings);
    (loads[0] as MutableLoad).latencyMs = 500;
    for (let n = 0; n < 50; n++) expect(pick()).toBe(1);
  });

  test("one with more than its part of the load passes a key on to its next one", () => {
    const { loads, pick } = fixture([1, 1, 1], { ...settings, boundedLoad: 1.5 });
    const key = 42;
    const first = pick({ key });
    (loads[first] as MutableLoad).pending = 4;
    const second = pick({ key });
    expect(second).not.toBe(first);
    for (const load of loads) load.pending = 4;
    expect(pick({ key })).toBe(first);
  });
});
