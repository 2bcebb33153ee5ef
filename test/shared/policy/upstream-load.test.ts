import { describe, expect, test } from "vitest";
import type { LoadReport } from "../../../shared/http/load-report.ts";
import { limits } from "../../../shared/limits.ts";
import type { Priority } from "../../../shared/policy/load-shedding.ts";
import {
  hearLoad,
  meanLoad,
  newUpstreamLoad,
  refusesByLoad,
  type UpstreamLoad,
} from "../../../shared/policy/upstream-load.ts";

const { fullShareMax, loadMoveMs, loadStepMsMax, loadFreshMs, loadHalfMs } = limits.loadShedding;
const saying = (...full: [number, number, number]): LoadReport => ({ utilization: 1, places: 10, queueMs: 5, full });

/** Hears the same for a while, each 50 ms. @returns when it ended */
function hear(state: UpstreamLoad, report: LoadReport, fromMs: number, forMs: number): number {
  for (let atMs = fromMs; atMs <= fromMs + forMs; atMs += 50) hearLoad(state, report, atMs);
  return fromMs + forMs;
}

/** Of a hundred requests at one moment. */
function refused(state: UpstreamLoad, priority: Priority, nowMs: number): number {
  return Array.from({ length: 100 }, () => refusesByLoad(state, priority, nowMs)).filter(Boolean).length;
}

test("who has heard nothing refuses nobody", () => {
  const state = newUpstreamLoad();
  for (const priority of ["high", "normal", "low"] as const) expect(refused(state, priority, 5)).toBe(0);
});

test("an upstream that never has a place for low: soon all of low are refused, and no other", () => {
  const state = newUpstreamLoad();
  const nowMs = hear(state, saying(0, 0, 1), 0, loadMoveMs + 100);
  expect(refused(state, "low", nowMs)).toBe(100);
  expect(refused(state, "normal", nowMs)).toBe(0);
});

test("high is left to the agents, however full they are", () => {
  const state = newUpstreamLoad();
  const nowMs = hear(state, saying(1, 1, 1), 0, 10 * loadMoveMs);
  expect(refused(state, "normal", nowMs)).toBe(100);
  expect(refused(state, "high", nowMs)).toBe(0);
});

test("the share grows with time, the faster the fuller", () => {
  const share = (full: number): number => {
    const state = newUpstreamLoad();
    return refused(state, "low", hear(state, saying(0, 0, full), 0, loadMoveMs / 2));
  };
  expect(share(1)).toBeGreaterThan(45);
  expect(share(1)).toBeLessThanOrEqual(55);
  expect(share(0.75)).toBeLessThan(share(1) - 15);
  expect(share(fullShareMax)).toBe(0);
});

test("a share is kept evenly: of each two requests one", () => {
  const state = newUpstreamLoad();
  const nowMs = hear(state, saying(0, 1, 0), 0, loadMoveMs / 2 - 50);
  state.share[1] = 0.5;
  const verdicts = Array.from({ length: 6 }, () => refusesByLoad(state, "normal", nowMs));
  expect(verdicts).toEqual([false, true, false, true, false, true]);
});

test("when there are places again, they are let in again", () => {
  const state = newUpstreamLoad();
  const fullAtMs = hear(state, saying(0, 0, 1), 0, 2 * loadMoveMs);
  expect(refused(state, "low", hear(state, saying(0, 0, 0), fullAtMs, loadMoveMs + 100))).toBe(0);
});

test("many words at once move it no more than one, and a long pause no more than a short one", () => {
  const state = newUpstreamLoad();
  hearLoad(state, saying(0, 0, 1), 1_000_000);
  expect(state.share[2]).toBeCloseTo(loadStepMsMax / loadMoveMs);
  for (let at = 0; at < 1000; at++) hearLoad(state, saying(0, 0, 1), 1_000_000);
  expect(state.share[2]).toBeCloseTo(loadStepMsMax / loadMoveMs);
});

test("what was heard is forgotten when nothing more is: by half each time, and then nothing is refused", () => {
  const state = newUpstreamLoad();
  const nowMs = hear(state, saying(0, 0, 1), 0, 2 * loadMoveMs);
  expect(refused(state, "low", nowMs + loadFreshMs)).toBe(100);
  const half = refused(state, "low", nowMs + loadFreshMs + loadHalfMs);
  expect(half).toBeGreaterThanOrEqual(50);
  expect(half).toBeLessThanOrEqual(51);
  expect(refused(state, "low", nowMs + loadFreshMs + 20 * loadHalfMs)).toBe(0);
});

test("a clock that goes back moves nothing", () => {
  const state = newUpstreamLoad();
  const nowMs = hear(state, saying(0, 0, 1), 10_000, loadMoveMs / 2);
  const [, , before] = state.share;
  hearLoad(state, saying(0, 0, 1), nowMs - 5_000);
  expect(state.share[2]).toBe(before);
});

describe("several instances", () => {
  test("count by the places that they have", () => {
    const small = { ...saying(0, 0, 1), places: 10, utilization: 1 };
    const large = { ...saying(0, 0, 0), places: 30, utilization: 0.2, queueMs: 1 };
    const mean = meanLoad([small, large]);
    expect(mean).toMatchObject({ places: 40, full: [0, 0, 0.25], queueMs: 2 });
    expect(mean?.utilization).toBeCloseTo(0.4);
  });
  test("none says nothing", () => expect(meanLoad([])).toBeUndefined());
});
