import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BreakerEvent,
  breakerSend,
  breakerStep,
  breakerVerdict,
  ejectionMs,
  leastRecentlyFailed,
  newBreaker,
} from "../../../shared/policy/breaker.ts";

const settings = { consecutiveFailures: 3, intervalMs: 30_000, ejectForMs: 60_000, ejectForMsMax: 600_000 };

function ejected(nowMs: number) {
  const state = newBreaker();
  for (let n = 0; n < 3; n++) breakerStep(state, "failure", nowMs, settings);
  return state;
}

describe("breaker", () => {
  test("ejects after the failures in a row, not before", () => {
    const state = newBreaker();
    breakerStep(state, "failure", 1, settings);
    breakerStep(state, "failure", 2, settings);
    breakerStep(state, "success", 3, settings);
    breakerStep(state, "failure", 4, settings);
    breakerStep(state, "failure", 5, settings);
    expect(breakerVerdict(state, 6, settings)).toBe("yes");
    breakerStep(state, "failure", 6, settings);
    expect(breakerVerdict(state, 7, settings)).toBe("no");
    expect(breakerVerdict(state, 60_005, settings)).toBe("no");
    expect(breakerVerdict(state, 60_006, settings)).toBe("probe");
  });

  test("lets exactly one probe through; success readmits", () => {
    const state = ejected(0);
    expect(breakerVerdict(state, 60_000, settings)).toBe("probe");
    breakerSend(state, 60_000);
    expect(breakerVerdict(state, 60_001, settings)).toBe("no");
    breakerStep(state, "success", 60_010, settings);
    expect(breakerVerdict(state, 60_011, settings)).toBe("yes");
  });

  test("a failed probe doubles the ejection, up to the longest", () => {
    const state = ejected(0);
    let now = 60_000;
    for (const times of [2, 4, 8, 10, 10]) {
      breakerSend(state, now);
      breakerStep(state, "failure", now, settings);
      expect(breakerVerdict(state, now + times * 60_000 - 1, settings)).toBe("no");
      now += times * 60_000;
      expect(breakerVerdict(state, now, settings)).toBe("probe");
    }
  });

  test("a probe without an end is replaced after another ejection time", () => {
    const state = ejected(0);
    breakerSend(state, 60_000);
    expect(breakerVerdict(state, 119_999, settings)).toBe("no");
    expect(breakerVerdict(state, 120_000, settings)).toBe("probe");
  });

  test("an abandoned probe frees the place at once", () => {
    const state = ejected(0);
    breakerSend(state, 60_000);
    breakerStep(state, "abandoned", 60_001, settings);
    expect(breakerVerdict(state, 60_001, settings)).toBe("probe");
  });

  test("late answers of requests sent before the ejection change nothing", () => {
    const state = ejected(0);
    breakerStep(state, "failure", 10, settings);
    breakerStep(state, "success", 20, settings);
    expect(state.ejectedUntilMs).toBe(60_000);
    expect(state.ejections).toBe(1);
  });

  test("an endpoint that leaves is passed over for a moment without a failure", () => {
    const state = newBreaker();
    breakerStep(state, "refused", 100, settings);
    expect(breakerVerdict(state, 101, settings)).toBe("no");
    expect(state.ejections).toBe(0);
    expect(breakerVerdict(state, 2_100, settings)).toBe("probe");
  });

  test("ejections are forgotten one an interval", () => {
    const state = ejected(0);
    breakerSend(state, 60_000);
    breakerStep(state, "failure", 60_000, settings);
    breakerSend(state, 180_000);
    breakerStep(state, "success", 180_000, settings);
    expect(state.ejections).toBe(2);
    breakerStep(state, "success", 210_000, settings);
    expect(state.ejections).toBe(1);
    breakerStep(state, "success", 240_000, settings);
    expect(state.ejections).toBe(0);
  });

  test("panic takes the oldest failure, untried ones first", () => {
    const states = [ejected(300), ejected(100), ejected(200)];
    expect(leastRecentlyFailed(states, () => false)).toBe(1);
    expect(leastRecentlyFailed(states, (index) => index === 1)).toBe(2);
    expect(leastRecentlyFailed(states, () => true)).toBe(1);
    expect(leastRecentlyFailed([], () => false)).toBe(-1);
  });

  test("property: the state stays sound and an endpoint always becomes usable again", () => {
    const event = fc.constantFrom<BreakerEvent | "send">("success", "failure", "refused", "abandoned", "send");
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(100_000))), (steps) => {
        const state = newBreaker();
        let now = 1;
        for (const [kind, ms] of steps) {
          now += ms;
          const verdict = breakerVerdict(state, now, settings);
          if (kind === "send") {
            breakerSend(state, now);
            if (verdict === "probe") expect(breakerVerdict(state, now, settings)).toBe("no");
          } else breakerStep(state, kind, now, settings);
          expect(state.ejections).toBeGreaterThanOrEqual(0);
          expect(state.failures).toBeLessThan(settings.consecutiveFailures);
        }
        expect(breakerVerdict(state, now + 2 * ejectionMs(state.ejections, settings) + 1, settings)).not.toBe("no");
      }),
    );
  });
});
