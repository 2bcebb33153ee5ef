import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { idleTimeMs, idleTimeStep, isShortKeepAlive, newIdleTime } from "../../../shared/policy/idle-time.ts";

test("without a word an idle connection is kept for the own time, with one below what the peer says", () => {
  const state = newIdleTime(1_000);
  expect(idleTimeMs(state)).toBe(1_000);
  idleTimeStep(state, "said", 5_000);
  expect(idleTimeMs(state)).toBe(4_000);
  idleTimeStep(state, "said", 3_600_000);
  expect(idleTimeMs(state)).toBe(limits.agent.idleHintedMsMax);
  idleTimeStep(state, "said", 0);
  expect(idleTimeMs(state)).toBe(1);
});

test("a close makes it shorter than the time after which it came, whatever the peer says", () => {
  const state = newIdleTime(4_000);
  idleTimeStep(state, "said", 60_000);
  idleTimeStep(state, "closed", 2_000);
  expect(idleTimeMs(state)).toBe(1_400);
  idleTimeStep(state, "closed", 3_000);
  expect(idleTimeMs(state)).toBe(1_400);
});

test("what is learned is forgotten by degrees, as connections outlive it", () => {
  const state = newIdleTime(4_000);
  idleTimeStep(state, "closed", 100);
  let outlived = 0;
  while (idleTimeMs(state) < 4_000 && outlived < 1_000) {
    idleTimeStep(state, "outlived", 0);
    outlived++;
  }
  expect(state.learnedMs).toBe(Number.POSITIVE_INFINITY);
  expect(outlived).toBeGreaterThan(10);
  expect(outlived).toBeLessThan(60);
});

test("Node's five seconds are short, what load balancers want is not", () => {
  expect([5_000, 4_999, 65_000].map(isShortKeepAlive)).toEqual([true, true, false]);
});
