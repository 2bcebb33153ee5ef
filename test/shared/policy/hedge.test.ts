import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { hedgeDelayMs, mayHedge, newHedge, noteHedgeLatency, takeHedge } from "../../../shared/policy/hedge.ts";
import { addLatency, latencyPercentileMs, newLatencyHistogram } from "../../../shared/policy/latency-histogram.ts";
import type { HedgeSettings } from "../../../shared/policy/settings.ts";

const after: HedgeSettings = { afterMs: 50, max: 1, budgetPercent: 10, methods: ["GET", "POST", "PUT"] };
const p95: HedgeSettings = { percentile: 95, max: 1, budgetPercent: 10, methods: ["GET"] };
const asked = { method: "GET", priority: "normal", callerRetries: false } as const;

test("what may have an effect, is of low priority, or is sent again by its caller is never hedged, whatever a plan says", () => {
  expect(mayHedge(after, asked)).toBe(true);
  expect(mayHedge(after, { ...asked, method: "PUT" })).toBe(true);
  expect(mayHedge(after, { ...asked, method: "POST" })).toBe(false);
  expect(mayHedge(after, { ...asked, method: "DELETE" })).toBe(false);
  expect(mayHedge(after, { ...asked, priority: "low" })).toBe(false);
  expect(mayHedge(after, { ...asked, callerRetries: true })).toBe(false);
});

test("property: hedges are never more than their share of the requests, and of what was saved at any moment", () => {
  const traffic = fc.array(fc.record({ requests: fc.nat(60), hedges: fc.nat(60) }), { maxLength: 40 });
  fc.assert(
    fc.property(traffic, fc.integer({ min: 1, max: 100 }), (bursts, budgetPercent) => {
      const state = newHedge();
      const settings = { ...after, budgetPercent };
      let [requests, hedges] = [0, 0];
      for (const burst of bursts) {
        for (let n = 0; n < burst.requests; n++) hedgeDelayMs(state, settings);
        requests += burst.requests;
        const before = hedges;
        for (let n = 0; n < burst.hedges; n++) if (takeHedge(state)) hedges++;
        expect(hedges - before).toBeLessThanOrEqual(limits.hedge.savedMax);
        expect(hedges).toBeLessThanOrEqual((requests * budgetPercent) / 100 + 1e-6);
      }
    }),
  );
});

test("the budget is used up: one in ten requests has its hedge when all are slow", () => {
  const state = newHedge();
  let hedges = 0;
  for (let n = 0; n < 1_000; n++) {
    hedgeDelayMs(state, after);
    if (takeHedge(state)) hedges++;
  }
  expect(hedges).toBe(100);
});

test("a percentile is not known before a hundred answers, then follows them", () => {
  const state = newHedge();
  for (let n = 0; n < 99; n++) noteHedgeLatency(state, n < 90 ? 10 : 200, p95);
  expect(hedgeDelayMs(state, p95)).toBeUndefined();
  for (let n = 0; n < 900; n++) noteHedgeLatency(state, n % 100 < 96 ? 10 : 200, p95);
  expect(hedgeDelayMs(state, p95)).toBeLessThan(12);
  for (let n = 0; n < 4_000; n++) noteHedgeLatency(state, 80, p95);
  const later = hedgeDelayMs(state, p95) ?? 0;
  expect(later).toBeGreaterThanOrEqual(80);
  expect(later).toBeLessThan(92);
});

test("property: a percentile is not below the true one, and at most an eighth of a power of two above", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
      (all) => {
        const histogram = newLatencyHistogram();
        for (const one of all) addLatency(histogram, one, 10_000);
        const sorted = [...all].sort((one, other) => one - other);
        const exact = sorted[Math.ceil(all.length * 0.95) - 1] as number;
        const found = latencyPercentileMs(histogram, 95);
        expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(found).toBeLessThanOrEqual(exact * 2 ** (1 / 8) * (1 + 1e-9));
      },
    ),
  );
});

test("hostile times end in the outermost buckets", () => {
  const histogram = newLatencyHistogram();
  for (const tookMs of [0, -5, 1e12]) addLatency(histogram, tookMs, 10_000);
  expect(histogram.total).toBe(3);
  expect(latencyPercentileMs(histogram, 50)).toBeLessThan(0.1);
});
