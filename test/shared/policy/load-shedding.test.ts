import { describe, expect, test } from "vitest";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  enterUpstream,
  leaveUpstream,
  loadOf,
  newShedding,
  type Priority,
  priorityOf,
  type SheddingSettings,
  type SheddingState,
  type SheddingTicket,
} from "../../../shared/policy/load-shedding.ts";
import { endOfAnswer, endOfFailure } from "../../../shared/policy/shedding-end.ts";

const settings: SheddingSettings = {
  mode: "enforce",
  tolerance: 1.2,
  concurrencyMin: 1,
  concurrencyMax: 100,
  plans: { gold: "high", free: "low" },
};
const { probeEveryMs } = limits.loadShedding;
/** Right behind the time of a probe. */
const NOON = 1_000 * probeEveryMs + 5_000;

const enter = (
  state: SheddingState,
  priority: Priority = "normal",
  nowMs = NOON,
  more: Partial<SheddingSettings> = {},
) => enterUpstream(state, priority, "r", nowMs, { ...settings, ...more });
/** Lets requests in one after another, each taking so long. */
function serve(state: SheddingState, count: number, tookMs: number, fromMs: number): number {
  let nowMs = fromMs;
  for (let at = 0; at < count; at++) {
    const { ticket } = enter(state, "normal", nowMs);
    nowMs += tookMs;
    if (ticket !== undefined) leaveUpstream(state, ticket, "answered", nowMs, settings);
  }
  return nowMs;
}
/** Keeps so many requests open at once, each taking so long. @returns the limit after that */
function load(state: SheddingState, concurrency: number, tookMs: number, fromMs: number, rounds: number): number {
  for (let round = 0; round < rounds; round++) {
    const beganMs = fromMs + round * tookMs;
    const tickets = Array.from({ length: concurrency }, () => enter(state, "normal", beganMs).ticket);
    for (const ticket of tickets)
      if (ticket !== undefined) leaveUpstream(state, ticket, "answered", beganMs + tookMs, settings);
  }
  return state.limit;
}

describe("the limit", () => {
  test("doubles while nothing is slow, and only when it is used", () => {
    const state = newShedding(settings);
    const nowMs = serve(state, 40, 20, NOON);
    expect(state.limit).toBe(50);
    expect(load(state, 45, 20, nowMs, 10)).toBe(100);
  });

  test("shrinks when answers take longer than unloaded ones, and grows again when they do not", () => {
    const state = newShedding(settings);
    const nowMs = serve(state, 60, 20, NOON);
    const loaded = load(state, 50, 200, nowMs, 4);
    expect(loaded).toBeLessThan(25);
    expect(loaded).toBeGreaterThan(1);
    expect(load(state, 50, 20, nowMs + 1_000, 40)).toBeGreaterThan(loaded);
  });

  test("stays within what the document allows", () => {
    const narrow = { ...settings, concurrencyMin: 5, concurrencyMax: 8 };
    const state = newShedding(narrow);
    expect(state.limit).toBe(8);
    const nowMs = serve(state, 60, 20, NOON);
    for (let round = 0; round < 20; round++) {
      const tickets = Array.from(
        { length: 8 },
        () => enterUpstream(state, "normal", "r", nowMs + round * 900, narrow).ticket,
      );
      for (const ticket of tickets)
        if (ticket !== undefined) leaveUpstream(state, ticket, "answered", nowMs + round * 900 + 900, narrow);
    }
    expect(state.limit).toBeGreaterThanOrEqual(5);
  });

  test("shrinks when the upstream itself says that it is overloaded; other failures say nothing", () => {
    const [hurt, whole] = [newShedding(settings), newShedding(settings)];
    for (const [state, end] of [
      [hurt, "overloaded"],
      [whole, "failed"],
    ] as const)
      for (let round = 0; round < 10; round++) {
        const tickets = Array.from({ length: 40 }, () => enter(state, "normal", NOON + round * 200).ticket);
        for (const ticket of tickets)
          if (ticket !== undefined) leaveUpstream(state, ticket, end, NOON + round * 200 + 100, settings);
      }
    expect(hurt.limit).toBeLessThan(40);
    expect(whole.limit).toBe(50);
    expect(whole.inFlight).toEqual([0, 0, 0]);
  });

  test("an upstream that has become slower without being crowded is not held back for it", () => {
    const state = newShedding(settings);
    const nowMs = serve(state, 100, 20, NOON);
    serve(state, 400, 100, nowMs);
    expect(state.limit).toBe(50);
    expect(state.routes.r?.ms).toBeGreaterThan(80);
  });

  test("a route that is slow by nature does not make the others look overloaded", () => {
    const state = newShedding(settings);
    let nowMs = NOON;
    for (let at = 0; at < 200; at++) {
      const [route, tookMs] = at % 2 === 0 ? (["fast", 10] as const) : (["report", 500] as const);
      const { ticket } = enterUpstream(state, "normal", route, nowMs, settings);
      nowMs += tookMs;
      leaveUpstream(state, ticket as SheddingTicket, "answered", nowMs, settings);
    }
    for (let round = 0; round < 5; round++) {
      const tickets = Array.from(
        { length: 40 },
        () => enterUpstream(state, "normal", "report", nowMs, settings).ticket,
      );
      nowMs += 500;
      for (const ticket of tickets) leaveUpstream(state, ticket as SheddingTicket, "answered", nowMs, settings);
    }
    expect(state.limit).toBeGreaterThanOrEqual(50);
  });

  test("names of routes are bounded", () => {
    const state = newShedding(settings);
    for (let at = 0; at < 200; at++) {
      const { ticket } = enterUpstream(state, "normal", `r${at}`, NOON, settings);
      leaveUpstream(state, ticket as SheddingTicket, "answered", NOON + 1, settings);
    }
    expect(Object.keys(state.routes).length).toBeLessThanOrEqual(limits.loadShedding.routesMax + 1);
  });
});

describe("priorities", () => {
  const full = (more: Partial<SheddingSettings> = {}): SheddingState => {
    const state = newShedding({ ...settings, concurrencyMax: 10 });
    for (let at = 0; at < 10; at++) expect(enter(state, "low", NOON, more).ticket).toBeDefined();
    return state;
  };

  test("without higher ones the low have every place", () => {
    expect(enter(full(), "low").ticket).toBeUndefined();
  });

  test("a place that a higher one was refused is kept for it, for a while", () => {
    const state = full();
    expect(enter(state, "high").ticket).toBeUndefined();
    const [ticket] = [{ level: 2, route: "r", beganAtMs: NOON, use: "none" } as const];
    leaveUpstream(state, ticket, "answered", NOON + 10, settings);
    expect(enter(state, "low", NOON + 10).ticket).toBeUndefined();
    expect(enter(state, "normal", NOON + 10).ticket).toBeUndefined();
    expect(enter(state, "high", NOON + 10).ticket).toBeDefined();
    leaveUpstream(state, ticket, "answered", NOON + 60_000, settings);
    expect(enter(state, "low", NOON + 60_000).ticket).toBeDefined();
  });

  test("in shadow nobody is refused, and it is said who would be", () => {
    const state = full({ mode: "shadow" });
    expect(enter(state, "low", NOON, { mode: "shadow" })).toMatchObject({ wouldRefuse: true, ticket: { level: 2 } });
  });

  test("of a plan, else of the route, else normal", () => {
    expect(priorityOf("gold", "low", settings)).toBe("high");
    expect(priorityOf("free", undefined, settings)).toBe("low");
    expect(priorityOf("other", "high", settings)).toBe("high");
    expect(priorityOf("constructor", undefined, settings)).toBe("normal");
    expect(priorityOf(undefined, undefined, settings)).toBe("normal");
  });
});

describe("a probe", () => {
  const crowded = (): SheddingState => {
    const state = newShedding({ ...settings, concurrencyMax: 20 });
    for (let at = 0; at < 21; at++) enter(state, "normal", NOON);
    expect(state.refusedAtMs).toBe(NOON);
    return state;
  };

  test("sends a part of the limit, at the same moment everywhere, while there are refusals", () => {
    const at = 1_001 * probeEveryMs;
    const states = [crowded(), crowded()];
    for (const state of states) {
      enter(state, "normal", at + 10);
      expect(state.isProbing).toBe(true);
      expect(state.probeEndsAtMs).toBe(at + limits.loadShedding.probeMsMin);
      enter(state, "normal", at + 200);
      expect(state.isProbing).toBe(false);
    }
  });

  test("does not come where nobody was refused", () => {
    const state = newShedding(settings);
    enter(state, "normal", NOON);
    enter(state, "normal", NOON + probeEveryMs);
    expect(state.isProbing).toBe(false);
  });
});

test("what answers and failures say of load", () => {
  expect([200, 404, 500, 502, 429].map((status) => endOfAnswer(status))).toEqual([
    "answered",
    "answered",
    "failed",
    "failed",
    "failed",
  ]);
  expect([503, 504].map((status) => endOfAnswer(status))).toEqual(["overloaded", "overloaded"]);
  expect([200, 503].map((status) => endOfAnswer(status, true))).toEqual(["failed", "overloaded"]);
  expect(endOfFailure(new SelvageError("upstream_timeout", "r"), true)).toBe("failed");
  expect(endOfFailure(new SelvageError("breaker_open", "r"), true)).toBe("overloaded");
  expect(endOfFailure(new SelvageError("upstream_timeout", "r"))).toBe("overloaded");
  expect(endOfFailure(new SelvageError("upstream_unreachable", "r"))).toBe("failed");
  expect(endOfFailure(new Error("r"))).toBe("failed");
});

describe("requests whose callers leave", () => {
  /** Thirty at once leave after so long, where answers take 20 ms. @returns the limit after that */
  const leaving = (afterMs: number): number => {
    const state = newShedding(settings);
    let nowMs = serve(state, 40, 20, NOON);
    for (let round = 0; round < 10; round++, nowMs += afterMs)
      for (const ticket of Array.from({ length: 30 }, () => enter(state, "normal", nowMs).ticket))
        if (ticket !== undefined) leaveUpstream(state, ticket, "abandoned", nowMs + afterMs, settings);
    return state.limit;
  };
  test("lower the limit when the answer was late already", () => expect(leaving(400)).toBeLessThan(20));
  test("say nothing when it was not", () => expect(leaving(15)).toBe(50));
});

describe("what it says of its load", () => {
  const small = { concurrencyMax: 4 };
  const four = (): SheddingState => newShedding({ ...settings, ...small });

  test("is how much of its places was taken lately, not in this moment", () => {
    const state = four();
    const tickets = [1, 2].map(() => enter(state, "normal", NOON, small).ticket as SheddingTicket);
    expect(loadOf(state, NOON)).toMatchObject({ utilization: 0, places: 4, queueMs: 0 });
    expect(loadOf(state, NOON + 2_000).utilization).toBeCloseTo(0.5);
    for (const ticket of tickets) leaveUpstream(state, ticket, "answered", NOON + 2_000, settings);
    expect(loadOf(state, NOON + 2_000).utilization).toBeCloseTo(0.5);
    expect(loadOf(state, NOON + 4_000).utilization).toBeCloseTo(0);
  });

  test("is for each priority the share of the time without a place for it", () => {
    const state = four();
    const tickets = [1, 2, 3, 4].map(() => enter(state, "low", NOON, small).ticket as SheddingTicket);
    expect(enter(state, "high", NOON, small).ticket).toBeUndefined();
    expect(loadOf(state, NOON + 1_000).full.map((share) => Math.round(share * 100))).toEqual([100, 100, 100]);
    leaveUpstream(state, tickets[0] as SheddingTicket, "answered", NOON + 1_000, settings);
    // High has one place again; it is kept from the others.
    expect(loadOf(state, NOON + 1_600).full.map((share) => Math.round(share * 10))).toEqual([0, 10, 10]);
    expect(loadOf(state, NOON + 9_000).full.map((share) => Math.round(share * 10))).toEqual([0, 0, 0]);
  });

  test("does not become less by a probe, which is no sign of room", () => {
    const state = four();
    for (let at = 0; at < 4; at++) enter(state, "normal", NOON, small);
    enter(state, "normal", NOON, small);
    const probeAtMs = 1_001 * probeEveryMs;
    const before = loadOf(state, probeAtMs - 1);
    enter(state, "normal", probeAtMs, small);
    expect(state.isProbing).toBe(true);
    for (const level of [1, 1, 1, 1]) {
      const ticket = { level, route: "r", beganAtMs: NOON, use: "none" } as const;
      leaveUpstream(state, ticket, "failed", probeAtMs + 1, settings);
    }
    expect(loadOf(state, probeAtMs + 100).utilization).toBeCloseTo(before.utilization);
  });

  test("has places also where a limit has a fraction, and always one", () => {
    const state = four();
    state.limit = 0.5;
    expect(loadOf(state, NOON).places).toBe(1);
    state.limit = 3.9;
    expect(loadOf(state, NOON).places).toBe(3);
  });
});
