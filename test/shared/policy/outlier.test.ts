import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileBreaker } from "../../../shared/plan/compile-balance.ts";
import { type BreakerEvent, breakerSend } from "../../../shared/policy/breaker.ts";
import { newOutcomeRing, ringStep } from "../../../shared/policy/outcome-ring.ts";
import {
  newOutlier,
  newServiceHealth,
  type OutlierSettings,
  type OutlierState,
  outlierStep,
  outlierVerdict,
  recountHealth,
} from "../../../shared/policy/outlier.ts";

const NOW = 1_000_000;
const defaults = compileBreaker(undefined);

function service(count: number, change: Partial<OutlierSettings> = {}) {
  const settings = { ...defaults, ...change };
  const states = Array.from({ length: count }, newOutlier);
  const health = newServiceHealth();
  recountHealth(health, states);
  const note = (at: number, events: string, nowMs: number): void => {
    for (const one of events)
      outlierStep(states[at] as OutlierState, health, one === "f" ? "failure" : "success", nowMs, settings);
  };
  const verdicts = (nowMs: number) => states.map((state) => outlierVerdict(state, health, nowMs, settings));
  return { states, health, settings, note, verdicts };
}

describe("success rate", () => {
  test("ejects who fails more than the others, though never several times in a row", () => {
    const { note, verdicts, states } = service(3);
    note(1, "s".repeat(50), NOW);
    note(2, "s".repeat(50), NOW);
    note(0, "sfsfsfsf", NOW);
    expect(verdicts(NOW)).toEqual(["yes", "yes", "yes"]);
    note(0, "sf", NOW);
    expect(verdicts(NOW)).toEqual(["no", "yes", "yes"]);
    expect(states[0]?.ejectedUntilMs).toBe(NOW + 30_000);
  });

  test("nobody is ejected for what all suffer from", () => {
    const { note, verdicts } = service(3);
    for (let n = 0; n < 50; n++) for (const at of [0, 1, 2]) note(at, "sf", NOW + n);
    expect(verdicts(NOW + 50)).toEqual(["yes", "yes", "yes"]);
  });

  test("what is older than the window does not count", () => {
    const { note, verdicts } = service(2);
    note(1, "s".repeat(50), NOW);
    note(0, "sfsfsfsf", NOW);
    note(1, "s".repeat(50), NOW + 11_000);
    note(0, "sf", NOW + 11_000);
    expect(verdicts(NOW + 11_000)).toEqual(["yes", "yes"]);
  });

  test("percent 0 turns it off", () => {
    const { note, verdicts } = service(2, { successRate: { ...defaults.successRate, percent: 0 } });
    note(1, "s".repeat(50), NOW);
    note(0, "sf".repeat(100), NOW);
    expect(verdicts(NOW)).toEqual(["yes", "yes"]);
  });

  test("after its probe an endpoint begins anew", () => {
    const { note, verdicts, states, settings } = service(2);
    note(1, "s".repeat(50), NOW);
    note(0, "sf".repeat(5), NOW);
    const later = NOW + settings.ejectForMs;
    expect(verdicts(later)).toEqual(["probe", "yes"]);
    breakerSend(states[0] as OutlierState, later);
    expect(verdicts(later)).toEqual(["no", "yes"]);
    note(0, "s", later);
    note(0, "fsfs", later);
    expect(verdicts(later)).toEqual(["yes", "yes"]);
  });
});

describe("how many are out at once", () => {
  test("a share of them, but one always", () => {
    for (const [count, outMax] of [
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [10, 5],
    ] as const) {
      const { note, health } = service(count);
      for (let at = 0; at < count; at++) note(at, "f".repeat(20), NOW);
      expect(health.ejected).toBe(outMax);
    }
    const { note, health } = service(4, { ejectedPercentMax: 0 });
    for (let at = 0; at < 4; at++) note(at, "f".repeat(20), NOW);
    expect(health.ejected).toBe(1);
  });

  test("who could not be ejected is at its next failure, once there is room", () => {
    const { note, verdicts, states } = service(2);
    note(0, "fffff", NOW);
    note(1, "ffffffff", NOW);
    expect(verdicts(NOW)).toEqual(["no", "yes"]);
    breakerSend(states[0] as OutlierState, NOW + 30_000);
    note(0, "s", NOW + 30_000);
    note(1, "f", NOW + 30_001);
    expect(verdicts(NOW + 30_001)).toEqual(["yes", "no"]);
  });

  test("panic: with too few left, ejections are ignored, but not that an instance leaves", () => {
    const { note, verdicts, states, health, settings } = service(4, { ejectedPercentMax: 100, panicPercent: 50 });
    note(0, "fffff", NOW);
    note(1, "fffff", NOW);
    expect(verdicts(NOW)).toEqual(["no", "no", "yes", "yes"]);
    note(2, "fffff", NOW);
    expect(verdicts(NOW)).toEqual(["yes", "yes", "yes", "yes"]);
    outlierStep(states[3] as OutlierState, health, "refused", NOW, settings);
    expect(verdicts(NOW)).toEqual(["yes", "yes", "yes", "no"]);
  });
});

test("the ring's sums are those of its buckets, and nothing older than the window is in it", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(4_000))), (steps) => {
      const ring = newOutcomeRing();
      const seen: { failed: boolean; atMs: number }[] = [];
      let now = NOW;
      for (const [failed, ms] of steps) {
        now += ms;
        ringStep(ring, failed, now, 10_000);
        seen.push({ failed, atMs: now });
        const since = (Math.floor(now / 1_000) - 9) * 1_000;
        const within = seen.filter(({ atMs }) => atMs >= since);
        expect(ring.failedAll).toBe(within.filter((one) => one.failed).length);
        expect(ring.goodAll).toBe(within.filter((one) => !one.failed).length);
      }
    }),
  );
});

test("property: counts hold whatever happens, and nobody is out for ever", () => {
  const event = fc.constantFrom<BreakerEvent | "send">("success", "failure", "failure", "refused", "abandoned", "send");
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(3), fc.nat(20_000))), (steps) => {
      const { states, health, settings } = service(4, { consecutiveFailures: 2 });
      let now = NOW;
      for (const [kind, at, ms] of steps) {
        now += ms;
        const state = states[at] as OutlierState;
        if (kind === "send") breakerSend(state, now);
        else outlierStep(state, health, kind, now, settings);
        const counted = newServiceHealth();
        recountHealth(counted, states);
        expect([health.ejected, health.out]).toEqual([counted.ejected, counted.out]);
        expect(health.ejected).toBeLessThanOrEqual(2);
        expect(health.recent.failedAll).toBeGreaterThanOrEqual(0);
      }
      for (const state of states) {
        expect(outlierVerdict(state, health, now + 2 * settings.ejectForMsMax, settings)).not.toBe("no");
      }
    }),
  );
});
