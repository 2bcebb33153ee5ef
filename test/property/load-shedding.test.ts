/** Load shedding in a seeded simulation: an upstream with a queue, three times as much load as it can carry. */
import { describe, expect, test } from "vitest";
import {
  enterUpstream,
  leaveUpstream,
  newShedding,
  type Priority,
  type SheddingSettings,
  type SheddingTicket,
} from "../../shared/policy/load-shedding.ts";
import { withAgent } from "../support/agent-admission.ts";
import { type Admission, type QueueWorld, simulate } from "../support/queue-world.ts";

const settings: SheddingSettings = {
  mode: "enforce",
  tolerance: 1.2,
  concurrencyMin: 1,
  concurrencyMax: 10_000,
  plans: {},
};
const priorities: readonly Priority[] = ["high", "normal", "low"];

function shedding(): Admission<SheddingTicket> {
  const state = newShedding(settings);
  return {
    enter: (level, nowMs) => enterUpstream(state, priorities[level] ?? "low", "r", nowMs, settings).ticket,
    leave: (ticket, _level, _tookMs, nowMs) => leaveUpstream(state, ticket, "answered", nowMs, settings),
  };
}
const none = (): Admission<true> => ({ enter: () => true, leave: () => undefined });

const world: QueueWorld = {
  seed: 1,
  workers: 8,
  serviceMs: 20,
  service: "lognormal",
  isolates: 1,
  load: 3,
  seconds: 60,
  warmUpSeconds: 20,
  timeoutMs: 1_000,
};

test("without it, next to nothing is answered in time", () => {
  expect(simulate(world, none).goodput).toBeLessThan(0.1);
});

describe.each([
  [8, "lognormal"],
  [8, "exponential"],
  [32, "lognormal"],
  [32, "exponential"],
] as const)("%d workers, %s times of service", (workers, service) => {
  const own = { ...world, workers, service };
  const unloaded = simulate({ ...own, load: 0.3 }, none);

  test.each([1, 2, 3])("goodput, and latency of high priority (seed %d)", (seed) => {
    const { goodput, p99HighMs, refused } = simulate({ ...own, seed }, shedding);
    expect(goodput).toBeGreaterThan(0.9);
    expect(p99HighMs).toBeLessThan(2 * unloaded.p99HighMs);
    expect(refused[0]).toBeLessThan(0.05);
    expect(refused[2]).toBeGreaterThan(0.95);
  });

  test("with half the load nobody is refused", () => {
    const { goodput, refused } = simulate({ ...own, load: 0.5 }, shedding);
    expect(goodput).toBeGreaterThan(0.48);
    for (const share of refused) expect(share).toBeLessThan(0.002);
  });
});

test("eight isolates that know nothing of each other keep the upstream at work, and its queue short", () => {
  const own = { ...world, workers: 32, isolates: 8 };
  const { goodput, p99HighMs } = simulate(own, shedding);
  expect(goodput).toBeGreaterThan(0.9);
  expect(p99HighMs).toBeLessThan(3 * simulate({ ...own, load: 0.3 }, none).p99HighMs);
});

describe("eight isolates before an agent that tells its load", () => {
  describe.each([
    [8, "lognormal"],
    [4, "exponential"],
    [32, "lognormal"],
  ] as const)("%d workers, %s times of service", (workers, service) => {
    const own: QueueWorld = { ...world, workers, service, isolates: 8 };
    const unloaded = simulate({ ...own, load: 0.3 }, none);

    test.each([1, 2, 3])("the low are refused at the edge, the high hardly, the queue is short (seed %d)", (seed) => {
      const { isolate, refused: where } = withAgent(settings);
      const { goodput, p99HighMs, refused } = simulate({ ...own, seed }, isolate);
      expect(goodput).toBeGreaterThan(0.9);
      expect(p99HighMs).toBeLessThan(2 * unloaded.p99HighMs);
      expect(refused[0]).toBeLessThan(0.1);
      expect(refused[2]).toBeGreaterThan(0.85);
      expect(where.atEdge[2]).toBeGreaterThan(9 * (where.atAgent[2] ?? 0));
    });

    test("with half the load nobody is refused", () => {
      const { refused } = simulate({ ...own, load: 0.5 }, withAgent(settings).isolate);
      for (const share of refused) expect(share).toBeLessThan(0.002);
    });
  });

  test("without others the low have it all", () => {
    const { isolate } = withAgent(settings);
    const low = (): Admission<unknown> => {
      const { enter, leave } = isolate();
      return { enter: (_, nowMs) => enter(2, nowMs), leave: leave as Admission<unknown>["leave"] };
    };
    expect(simulate({ ...world, isolates: 8 }, low).goodput).toBeGreaterThan(0.95);
  });
});
