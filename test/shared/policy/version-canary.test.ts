import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type CanaryEvent,
  type CanarySettings,
  type CanaryState,
  canarySums,
  newCanary,
  shareBounds,
  shareNow,
  stepCanary,
} from "../../../shared/policy/version-canary.ts";

const settings: CanarySettings = { steps: [100, 1000, 5000], everyMs: 60_000, maxErrors: 0.05 };
const { requestsMin, routesMax, recentMs } = limits.canary;

class Canary {
  nowMs = 1_000_000;
  readonly state: CanaryState = newCanary(this.nowMs);
  readonly settings: CanarySettings;

  constructor(own: Partial<CanarySettings> = {}) {
    this.settings = { ...settings, ...own };
  }

  say(event: CanaryEvent): boolean {
    return stepCanary(this.state, event, this.nowMs, this.settings);
  }

  running(): this {
    this.say({ type: "heard", of: "preparing", missing: 0 });
    return this;
  }

  count(side: "canary" | "stable", requests: number, errors = 0, refused = 0, route = "orders"): this {
    this.say({ type: "counted", side, route, requests, errors, refused });
    return this;
  }

  pass(ms: number): this {
    this.nowMs += ms;
    this.say({ type: "tick" });
    return this;
  }
}

describe("begin", () => {
  test("it gets nothing before everybody has it, and then its first share", () => {
    const canary = new Canary();
    canary.say({ type: "heard", of: "preparing", missing: 2 });
    canary.pass(settings.everyMs ?? 0).count("canary", 1000, 1000);
    expect([canary.state.phase, shareNow(canary.state)]).toEqual(["preparing", 0]);
    canary.running();
    expect([canary.state.phase, shareNow(canary.state)]).toEqual(["running", 100]);
    expect(canarySums(canary.state).canary.requests).toBe(0);
  });

  test("who refuses it ends it, with the reason", () => {
    const canary = new Canary();
    canary.say({
      type: "heard",
      of: "preparing",
      missing: 1,
      refused: { who: "agent orders-1 of orders", reason: "format 9" },
    });
    expect(canary.state).toMatchObject({ phase: "aborted", reason: "agent orders-1 of orders refuses it: format 9" });
  });

  test("who comes later without it does not end it", () => {
    const canary = new Canary().running();
    expect(canary.say({ type: "heard", of: "running", missing: 1, refused: { who: "gateway x", reason: "no" } })).toBe(
      false,
    );
    expect(canary.state.phase).toBe("running");
  });

  test("a share that is set before it begins is what it begins with", () => {
    const canary = new Canary();
    canary.say({ type: "set", share: 2500 });
    expect(shareNow(canary.state)).toBe(0);
    expect(shareNow(canary.running().state)).toBe(2500);
  });
});

describe("steps", () => {
  test("follow one another while the budget holds, and then it is promoted", () => {
    const canary = new Canary().running();
    const shares = [];
    for (let step = 0; step < 3; step++) {
      shares.push(shareNow(canary.state));
      canary.count("canary", requestsMin).pass(59_999);
      expect(canary.state.step).toBe(step);
      canary.pass(1);
    }
    expect(shares).toEqual([100, 1000, 5000]);
    expect([canary.state.phase, shareNow(canary.state)]).toEqual(["promoting", 10_000]);
    canary.say({ type: "heard", of: "promoting", missing: 1 });
    expect(canary.state.phase).toBe("promoting");
    // Who has it was asked before it was promoted.
    expect(canary.say({ type: "heard", of: "preparing", missing: 0 })).toBe(false);
    canary.say({ type: "heard", of: "promoting", missing: 0 });
    expect([canary.state.phase, shareNow(canary.state)]).toEqual(["promoted", 0]);
  });

  test("wait for requests that say something", () => {
    const canary = new Canary().running();
    canary.count("canary", requestsMin - 1).pass(600_000);
    expect(canary.state.step).toBe(0);
    canary.count("canary", 1).pass(0);
    expect(canary.state.step).toBe(1);
  });

  test("end when somebody sets a share, which stays", () => {
    const canary = new Canary().running();
    canary.say({ type: "set", share: 2500 });
    canary.count("canary", 10_000).pass(3_600_000);
    expect([canary.state.phase, shareNow(canary.state), canary.state.step]).toEqual(["running", 2500, -1]);
  });

  test("do not follow where nobody said how long one takes", () => {
    const canary = new Canary();
    const { everyMs: _, ...still } = settings;
    stepCanary(canary.state, { type: "heard", of: "preparing", missing: 0 }, 0, still);
    stepCanary(canary.state, { type: "tick" }, 1e12, still);
    expect([canary.state.phase, shareNow(canary.state)]).toEqual(["running", 100]);
  });

  test("a clock that goes back neither promotes nor forgets", () => {
    const canary = new Canary().running().count("canary", 500);
    canary.pass(-3_600_000);
    expect(canary.state).toMatchObject({ phase: "running", step: 0 });
    expect(canarySums(canary.state).canary.requests).toBe(500);
  });
});

describe("error budget", () => {
  test.each([
    ["one failure of three", [3, 1], [1000, 0], "running"],
    ["all of few", [requestsMin - 1, requestsMin - 1], [1000, 0], "running"],
    ["30 % of 1,000", [1000, 300], [1000, 1], "aborted"],
    ["all of 20", [20, 20], [0, 0], "aborted"],
    ["as many as before", [1000, 40], [10_000, 400], "running"],
    ["more than is allowed, also where it was so before", [1000, 300], [1000, 300], "aborted"],
    ["clearly more than before, below what is allowed", [5000, 200], [50_000, 50], "aborted"],
    ["hardly more than before", [5000, 40], [50_000, 50], "running"],
    ["below what is allowed with nothing to compare", [5000, 100], [0, 0], "running"],
  ] as const)("%s", (_, [requests, errors], [before, failed], phase) => {
    const canary = new Canary().running().count("stable", before, failed).count("canary", requests, errors);
    expect(canary.state.phase).toBe(phase);
  });

  test("says what was wrong, and gives no share any more", () => {
    const canary = new Canary().running().count("canary", 1000, 300);
    expect(canary.state.reason).toBe("300 of 1000 requests failed, more than 5 % are allowed");
    expect(shareNow(canary.state)).toBe(0);
    expect(canary.say({ type: "promote" })).toBe(false);
    expect(canary.count("canary", 1000).state.phase).toBe("aborted");
  });

  test("a route that fails among many ends it", () => {
    const canary = new Canary().running();
    canary.count("stable", 10_000).count("stable", 300, 0, 0, "profile").count("canary", 10_000);
    canary.count("canary", 300, 30, 0, "profile");
    expect(canary.state.reason).toBe("route profile: 30 of 300 requests failed, more than 5 % are allowed");
  });

  test("what the gateway refuses counts against those that it refused before", () => {
    const refusing = new Canary().running().count("stable", 1000, 0, 20).count("canary", 1000, 0, 400);
    expect(refusing.state.reason).toBe("400 of 1000 requests were refused, of the stable version 20 of 1000");
    const alike = new Canary().running().count("stable", 1000, 0, 400).count("canary", 1000, 0, 420);
    expect(alike.state.phase).toBe("running");
    expect(new Canary().running().count("canary", 1000, 0, 1000).state.phase).toBe("running");
  });

  test("a version that was well for long and fails now ends soon", () => {
    const { everyMs: _, ...still } = settings;
    const canary = new Canary(still).running();
    canary.say({ type: "set", share: 1000 });
    canary.count("canary", 1_000_000);
    canary.pass(2 * recentMs).count("canary", 0);
    canary.count("canary", 200, 100);
    expect(canary.state.phase).toBe("aborted");
  });

  test("any order of the same reports ends alike, and no report is needed twice", () => {
    const reports = [50, 150, 10, 90].map((requests): [number, number] => [requests, requests / 2]);
    for (const order of [reports, [...reports].reverse()]) {
      const canary = new Canary().running();
      for (const [requests, errors] of order) canary.count("canary", requests, errors);
      expect(canary.state.phase).toBe("aborted");
    }
  });

  test("routes beyond the bound are judged together, whatever their names", () => {
    const canary = new Canary().running();
    canary.count("canary", 1, 0, 0, "__proto__");
    for (let at = 0; at < 3 * routesMax; at++) canary.count("canary", 1, 0, 0, `route-${at}`);
    expect(Object.keys(canary.state.routes).length).toBe(routesMax + 1);
    expect(canarySums(canary.state).canary.requests).toBe(3 * routesMax + 1);
    expect(JSON.parse(JSON.stringify(canary.state))).toEqual(canary.state);
  });

  test("the interval of a share holds it, and narrows", () => {
    expect(shareBounds(0, 0)).toEqual({ low: 0, high: 1 });
    for (const all of [1, 10, 1000, 1e9]) {
      for (const part of [0, 0.01, 0.5, 1]) {
        const { low, high } = shareBounds(Math.round(all * part), all);
        const share = Math.round(all * part) / all;
        expect(low).toBeLessThanOrEqual(share + 1e-12);
        expect(high).toBeGreaterThanOrEqual(share - 1e-12);
      }
    }
    expect(shareBounds(300, 1000).low).toBeGreaterThan(0.25);
    expect(shareBounds(1, 3).low).toBeLessThan(0.05);
  });
});
