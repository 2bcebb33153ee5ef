/** Canaries of versions that fail at known rates, in seeded time: which of them become live, and after how many failures. */
import { describe, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import {
  type CanaryEvent,
  type CanarySettings,
  type CanaryState,
  isOpen,
  newCanary,
  shareNow,
  stepCanary,
} from "../../shared/policy/version-canary.ts";
import { seededRandom } from "../simulation/event-queue.ts";

const SEEDS = 100;
const settings: CanarySettings = { steps: [500, 2500, 5000], everyMs: 30_000, maxErrors: 0.05 };
/** Requests a second of both versions, reported twice a second by each of so many isolates. */
const RATE = 100;
const ISOLATES = 4;
const REPORT_MS = 500;

interface World {
  readonly seed: number;
  /** Shares of requests that fail. */
  readonly canary: number;
  readonly stable: number;
}

interface End {
  readonly state: CanaryState;
  readonly tookMs: number;
  /** Requests of the canary that failed. */
  readonly failed: number;
}

function run({ seed, canary, stable }: World): End {
  const random = seededRandom(seed);
  const state = newCanary(0);
  let [nowMs, failed] = [0, 0];
  stepCanary(state, { type: "heard", of: "preparing", missing: 0 }, nowMs, settings);
  while (state.phase === "running") {
    nowMs += REPORT_MS;
    for (let isolate = 0; isolate < ISOLATES; isolate++) {
      const sides = { canary: { requests: 0, errors: 0 }, stable: { requests: 0, errors: 0 } };
      for (let at = 0; at < (RATE * REPORT_MS) / 1000 / ISOLATES; at++) {
        const side = random() < shareNow(state) / limits.canary.sharesMax ? "canary" : "stable";
        sides[side].requests++;
        if (random() < (side === "canary" ? canary : stable)) sides[side].errors++;
      }
      failed += sides.canary.errors;
      for (const side of ["canary", "stable"] as const)
        stepCanary(state, { type: "counted", side, route: "orders", refused: 0, ...sides[side] }, nowMs, settings);
    }
    stepCanary(state, { type: "tick" }, nowMs, settings);
  }
  return { state, tookMs: nowMs, failed };
}

const ends = (canary: number, stable: number): End[] =>
  Array.from({ length: SEEDS }, (_, seed) => run({ seed: seed + 1, canary, stable }));
const promoted = (all: readonly End[]): number => all.filter(({ state }) => state.phase === "promoting").length;

describe("of 100 canaries", () => {
  test.each([
    [0, 0],
    [0.001, 0.001],
    [0.01, 0.01],
    [0.02, 0.02],
  ])("that fail at %d as the stable version does, nearly all become live", (canary, stable) => {
    expect(promoted(ends(canary, stable))).toBeGreaterThanOrEqual(SEEDS * 0.98);
  });

  test.each([
    [0.3, 0],
    [0.5, 0.01],
    [1, 0],
    [1, 1],
  ])("that fail at %d where the stable one does at %d, none does, and few requests fail", (canary, stable) => {
    const all = ends(canary, stable);
    expect(promoted(all)).toBe(0);
    expect(Math.max(...all.map(({ failed }) => failed))).toBeLessThan(60);
  });

  test("that fail at 0.1, none becomes live", () => {
    expect(promoted(ends(0.1, 0))).toBe(0);
  });
});

test("whatever is said in whatever order: phases go forward, a share is given in time alone, what has ended stays so", () => {
  const order = ["preparing", "running", "promoting", "promoted", "aborted"];
  for (let seed = 1; seed <= 400; seed++) {
    const random = seededRandom(seed);
    const upTo = (bound: number): number => Math.floor(random() * bound);
    const anyEvent = (): CanaryEvent => {
      const requests = upTo(200);
      const errors = upTo(requests + 1) * upTo(2);
      const all: readonly CanaryEvent[] = [
        {
          type: "heard",
          of: upTo(2) === 0 ? "preparing" : "promoting",
          missing: upTo(3),
          ...(upTo(20) === 0 && { refused: { who: "a", reason: "b" } }),
        },
        {
          type: "counted",
          side: upTo(2) === 0 ? "canary" : "stable",
          route: `r${upTo(4)}`,
          requests,
          errors,
          refused: 0,
        },
        { type: "tick" },
        { type: "set", share: upTo(10_001) },
        ...(upTo(10) === 0 ? ([{ type: "promote" }, { type: "abort", reason: "c" }] as const) : []),
      ];
      return all[upTo(all.length)] as CanaryEvent;
    };
    const state = newCanary(0);
    for (let nowMs = 0, turn = 0; turn < 60; turn++) {
      const before = { ...state };
      // Clocks go back, too.
      nowMs += upTo(40_000) - 5_000;
      stepCanary(state, anyEvent(), nowMs, settings);
      expect(order.indexOf(state.phase)).toBeGreaterThanOrEqual(order.indexOf(before.phase));
      if (!isOpen(before)) expect(state.phase).toBe(before.phase);
      const share = shareNow(state);
      if (state.phase === "running") expect(share).toBe(state.share);
      else expect(share).toBe(state.phase === "promoting" ? limits.canary.sharesMax : 0);
      if (state.phase === "aborted") expect(state.reason).not.toBe("");
    }
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  }
});
