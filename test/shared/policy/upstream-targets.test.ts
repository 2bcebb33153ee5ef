import { describe, expect, test } from "vitest";
import { upstream } from "../../../shared/config/schema-upstreams.ts";
import { limits } from "../../../shared/limits.ts";
import { compileUpstream } from "../../../shared/plan/compile-upstreams.ts";
import type { BreakerEvent } from "../../../shared/policy/breaker.ts";
import {
  enterTarget,
  hasUntried,
  isPanic,
  leaveTarget,
  newUpstream,
  noteOutcome,
  type TargetQuestion,
  type UpstreamState,
} from "../../../shared/policy/upstream-targets.ts";

const settingsOf = (settings: object) => compileUpstream(upstream.parse(settings), "pay");
const A = "http://a";
const B = "http://b";
const C = { url: "http://c", failover: true };
const one = { consecutiveFailures: 1, ejectFor: "10s", maxEjected: 100 };

const by = (more: Partial<TargetQuestion> = {}): TargetQuestion => ({
  tried: new Set(),
  key: undefined,
  nowMs: 0,
  random: 0.5,
  ...more,
});
/** Name of the next target, which gives its place back. */
function next(state: UpstreamState, more: Partial<TargetQuestion> = {}): string | undefined {
  const target = enterTarget(state, by(more));
  if (target !== undefined) leaveTarget(target);
  return target?.settings.name;
}
/** Ends of requests to a target. */
function end(state: UpstreamState, name: string, event: BreakerEvent, nowMs = 0, sentAtMs = nowMs): boolean {
  const target = state.targets.find(({ settings }) => settings.name === name);
  if (target === undefined) throw new Error(name);
  return noteOutcome(state, target, { event, sentAtMs, tookMs: 1 }, nowMs);
}
const sick = (state: UpstreamState, ...names: string[]): void => {
  for (const target of state.targets) target.isUnwell = names.includes(target.settings.name);
};
const times = (count: number, name: () => string | undefined): Record<string, number> => {
  const found: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const key = name() ?? "none";
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
};

describe("groups", () => {
  test("the first gets everything while one of it is in use", () => {
    const state = newUpstream(settingsOf({ targets: [A, B, C], breaker: one, balance: { policy: "round-robin" } }), 0);
    expect(times(10, () => next(state))).toEqual({ [A]: 5, [B]: 5 });
    end(state, A, "failure");
    expect(times(10, () => next(state))).toEqual({ [B]: 10 });
    end(state, B, "failure");
    expect(times(10, () => next(state))).toEqual({ "http://c": 10 });
  });

  test("a part goes on to the next one where the document asks for more than one", () => {
    const balance = { policy: "round-robin", sufficient: 100 };
    const state = newUpstream(settingsOf({ targets: [A, B, C], balance }), 0);
    sick(state, A);
    let random = 0;
    const found = times(100, () => {
      random += 0.01;
      return next(state, { random: random % 1 });
    });
    expect(found[B]).toBeGreaterThan(40);
    expect(found["http://c"]).toBeGreaterThan(40);
  });

  test("a retry goes on to a target of the same group, then to the next one", () => {
    const state = newUpstream(settingsOf({ targets: [A, B, C] }), 0);
    const [a, b] = state.targets;
    if (a === undefined || b === undefined) throw new Error("no targets");
    expect(next(state, { tried: new Set([a]) })).toBe(B);
    expect(next(state, { tried: new Set([a, b]) })).toBe("http://c");
    expect(hasUntried(state, by({ tried: new Set(state.targets) }))).toBe(false);
  });

  test("a probe of the first comes before the second", () => {
    const state = newUpstream(settingsOf({ targets: [A, C], breaker: one }), 0);
    end(state, A, "failure");
    expect(next(state, { nowMs: 5_000 })).toBe("http://c");
    expect(next(state, { nowMs: 10_000 })).toBe(A);
    // One at a time.
    expect(next(state, { nowMs: 10_001 })).toBe("http://c");
    end(state, A, "success", 10_002, 10_000);
    expect(next(state, { nowMs: 10_003 })).toBe(A);
  });

  test("while it is out its probe alone decides, whatever becomes of requests that were sent before", () => {
    const state = newUpstream(settingsOf({ targets: [A, C], breaker: one }), 0);
    end(state, A, "failure");
    let nowMs = 10_000;
    for (const outcome of ["abandoned", "failure", "success"] as const) {
      expect(next(state, { nowMs })).toBe(A);
      for (const event of ["abandoned", "success", "failure", "refused"] as const) {
        expect(end(state, A, event, nowMs + 1, 0)).toBe(false);
        expect(next(state, { nowMs: nowMs + 1 })).toBe("http://c");
      }
      expect(end(state, A, outcome, nowMs + 2, nowMs)).toBe(outcome === "failure");
      // One that was given up says nothing: the next one is the probe.
      nowMs += outcome === "failure" ? 20_002 : 3;
    }
    expect(state.health.ejected).toBe(0);
    expect(next(state, { nowMs })).toBe(A);
  });

  test("when nobody is in use the probe that was sent first decides, whatever is sent beside it", () => {
    const state = newUpstream(settingsOf({ targets: [A], breaker: one }), 0);
    end(state, A, "failure");
    const sent = Array.from({ length: 8 }, (_, n) => 10_000 + n * 5);
    for (const nowMs of sent) expect(next(state, { nowMs })).toBe(A);
    expect(state.health.ejected).toBe(1);
    for (const at of sent.slice(1)) end(state, A, "failure", 10_100, at);
    expect(state.health.ejected).toBe(1);
    end(state, A, "success", 10_101, 10_000);
    expect(state.health.ejected).toBe(0);
  });

  test("one of the second is not probed while the first is in use", () => {
    const state = newUpstream(settingsOf({ targets: [A, C], breaker: one }), 0);
    end(state, "http://c", "failure");
    expect(times(10, () => next(state, { nowMs: 20_000 }))).toEqual({ [A]: 10 });
  });
});

describe("who is out", () => {
  test("by checks, and all of them when that would leave nobody", () => {
    const state = newUpstream(settingsOf({ targets: [A, B], balance: { policy: "round-robin" } }), 0);
    sick(state, A);
    expect([next(state), isPanic(state, 0)]).toEqual([B, false]);
    sick(state, A, B);
    expect(times(4, () => next(state))).toEqual({ [A]: 2, [B]: 2 });
    expect(isPanic(state, 0)).toBe(true);
  });

  test("checks are passed over below the panic threshold", () => {
    const settings = { targets: [A, B, "http://d", "http://e"], breaker: { panicThreshold: 50 } };
    const state = newUpstream(settingsOf({ ...settings, balance: { policy: "round-robin" } }), 0);
    sick(state, A, B);
    expect(Object.keys(times(8, () => next(state)))).toHaveLength(2);
    sick(state, A, B, "http://d");
    expect(Object.keys(times(8, () => next(state)))).toHaveLength(4);
  });

  test("one that takes nothing is no healthy one, and is not the last resort", () => {
    const targets = [A, B, { url: "http://z", weight: 0 }];
    const state = newUpstream(settingsOf({ targets, breaker: one, balance: { policy: "round-robin" } }), 0);
    sick(state, A, B);
    expect(times(4, () => next(state))).toEqual({ [A]: 2, [B]: 2 });
    end(state, A, "failure", 1);
    end(state, B, "failure", 2);
    expect(next(state, { nowMs: 3 })).toBe(A);
    expect(next(state, { nowMs: 3, tried: new Set(state.targets.slice(0, 1)) })).toBe(B);
    expect(next(state, { nowMs: 3, tried: new Set(state.targets.slice(0, 2)) })).toBe(A);
  });

  test("one that takes nothing gets nothing when the others are full", () => {
    const targets = [A, { url: "http://z", weight: 0 }];
    const state = newUpstream(settingsOf({ targets, breaker: { maxRequests: 1 } }), 0);
    expect(enterTarget(state, by())?.settings.name).toBe(A);
    expect(next(state)).toBeUndefined();
  });

  test("by the word of other isolates, until its time is over", () => {
    const state = newUpstream(settingsOf({ targets: [A, B], balance: { policy: "round-robin" } }), 0);
    Object.assign(state.targets[0] ?? {}, { heldUntilMs: 1_000 });
    expect(times(4, () => next(state, { nowMs: 999 }))).toEqual({ [B]: 4 });
    expect(next(state, { nowMs: 1_000 })).toBe(A);
  });

  test("when failures leave nobody, the one that failed the longest ago is used", () => {
    const state = newUpstream(settingsOf({ targets: [A, B], breaker: one }), 0);
    expect(end(state, A, "failure", 1)).toBe(true);
    end(state, B, "failure", 2);
    expect(next(state, { nowMs: 3 })).toBe(A);
  });

  test("one with weight 0 gets nothing, not even then", () => {
    const state = newUpstream(settingsOf({ targets: [{ url: A, weight: 0 }, B], breaker: one }), 0);
    end(state, B, "failure", 1);
    expect(times(4, () => next(state, { nowMs: 2 }))).toEqual({ [B]: 4 });
  });

  test("one that has as many requests as it may", () => {
    const state = newUpstream(settingsOf({ targets: [A], breaker: { maxRequests: 1 } }), 0);
    const target = enterTarget(state, by());
    expect(next(state)).toBeUndefined();
    if (target !== undefined) leaveTarget(target);
    expect(next(state)).toBe(A);
  });
});

test("new settings keep what is known of targets that stay, and forget the others", () => {
  const before = newUpstream(settingsOf({ targets: [A, B], breaker: one }), 0);
  end(before, A, "failure");
  const entered = enterTarget(before, by());
  const after = newUpstream(settingsOf({ targets: [A, { url: B, weight: 3 }, "http://n"], breaker: one }), 1, before);
  expect(after.targets[0]?.outlier).toBe(before.targets[0]?.outlier);
  expect(after.health).toMatchObject({ endpoints: 3, ejected: 1 });
  if (entered !== undefined) leaveTarget(entered);
  expect(after.targets[1]?.load).toMatchObject({ pending: 0, weight: 3 });
  // What ends now was of a target that is gone.
  const gone = newUpstream(settingsOf({ targets: [B], breaker: one }), 2, after);
  const a = after.targets[0];
  if (a === undefined) throw new Error("no target");
  expect(noteOutcome(gone, a, { event: "failure", sentAtMs: 0, tookMs: 1 }, 3)).toBe(false);
  expect(gone.health).toMatchObject({ endpoints: 1, ejected: 0 });
});

test("the state allocates no more with many requests, and its numbers stay right", () => {
  const state = newUpstream(settingsOf({ targets: [A, B, C], breaker: { ...one, successRate: { percent: 0 } } }), 0);
  let random = 7;
  for (let n = 0; n < 20_000; n++) {
    random = (random * 1103515245 + 12345) % 2147483648;
    const target = enterTarget(state, by({ nowMs: n * 10, random: random / 2147483648 }));
    if (target === undefined) throw new Error("nobody");
    const event = random % 3 === 0 ? "failure" : "success";
    noteOutcome(state, target, { event, sentAtMs: n * 10, tookMs: random % 50 }, n * 10 + 5);
    leaveTarget(target);
  }
  expect(state.targets.every(({ load }) => load.pending === 0)).toBe(true);
  expect(state.health.ejected).toBe(state.targets.filter(({ outlier }) => outlier.isOutlier).length);
  expect(state.targets.length).toBeLessThanOrEqual(limits.upstreams.targetsMax);
});
