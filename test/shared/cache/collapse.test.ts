import { expect, test } from "vitest";
import { beginCollapse, endCollapse, leaderOf, newCollapses } from "../../../shared/cache/collapse.ts";

const settings = { leaseMs: 1_000, apartMs: 5_000, keysMax: 3, keyCharsMax: 10 };

test("one leads, others follow until it has ended", () => {
  const state = newCollapses();
  expect(beginCollapse(state, "k", "a", settings, 0)).toBe("lead");
  expect(beginCollapse(state, "k", "b", settings, 10)).toBe("follow");
  expect(beginCollapse(state, "other", "c", settings, 10)).toBe("lead");
  expect(leaderOf(state, "k", 10)).toBe("a");
  endCollapse(state, "k", "a", "stored", settings, 20);
  expect(leaderOf(state, "k", 20)).toBeUndefined();
  expect(beginCollapse(state, "k", "b", settings, 20)).toBe("lead");
});

test("a leader that says nothing is given up, and what it says later changes nothing", () => {
  const state = newCollapses();
  beginCollapse(state, "k", "a", settings, 0);
  expect(beginCollapse(state, "k", "b", settings, 999)).toBe("follow");
  expect(beginCollapse(state, "k", "b", settings, 1_000)).toBe("lead");
  endCollapse(state, "k", "a", "failed", settings, 1_100);
  expect(leaderOf(state, "k", 1_100)).toBe("b");
});

test("what was not stored is not waited for again, until it is or for a while", () => {
  const state = newCollapses();
  beginCollapse(state, "k", "a", settings, 0);
  endCollapse(state, "k", "a", "unstorable", settings, 10);
  expect(beginCollapse(state, "k", "b", settings, 10)).toBe("alone");
  expect(beginCollapse(state, "k", "c", settings, 5_009)).toBe("alone");
  endCollapse(state, "k", "c", "failed", settings, 5_009);
  expect(beginCollapse(state, "k", "c", settings, 5_009)).toBe("alone");
  expect(beginCollapse(state, "k", "d", settings, 5_010)).toBe("lead");
  endCollapse(state, "k", "d", "unstorable", settings, 5_010);
  endCollapse(state, "k", "e", "stored", settings, 5_011);
  expect(beginCollapse(state, "k", "f", settings, 5_012)).toBe("lead");
});

test("a leader that failed is followed by the next one", () => {
  const state = newCollapses();
  beginCollapse(state, "k", "a", settings, 0);
  endCollapse(state, "k", "a", "failed", settings, 10);
  expect(beginCollapse(state, "k", "b", settings, 10)).toBe("lead");
});

test("is bounded: more keys are not collapsed, and the oldest that are apart are forgotten", () => {
  const state = newCollapses();
  for (const key of ["1", "2", "3"]) expect(beginCollapse(state, key, key, settings, 0)).toBe("lead");
  expect(beginCollapse(state, "4", "4", settings, 0)).toBe("alone");
  expect(beginCollapse(state, "1", "x", settings, 0)).toBe("follow");
  expect(beginCollapse(state, "4", "4", settings, 1_000)).toBe("lead");
  expect(state.leaders.size).toBe(1);
  for (const key of ["1", "2", "3", "4"]) endCollapse(state, key, key, "unstorable", settings, 2_000);
  expect([...state.apart.keys()]).toEqual(["2", "3", "4"]);
});

test("long keys are not collapsed, so that many of them take no memory", () => {
  const state = newCollapses();
  const long = "k".repeat(settings.keyCharsMax + 1);
  expect(beginCollapse(state, long.slice(1), "a", settings, 0)).toBe("lead");
  expect(beginCollapse(state, long, "a", settings, 0)).toBe("alone");
  endCollapse(state, long, "a", "unstorable", settings, 0);
  expect([...state.leaders.keys(), ...state.apart.keys()]).toEqual([long.slice(1)]);
});

test("keys that are apart no longer are forgotten, whether somebody asks for them again or not", () => {
  const state = newCollapses();
  endCollapse(state, "1", "a", "unstorable", settings, 0);
  endCollapse(state, "2", "a", "unstorable", settings, 1_000);
  endCollapse(state, "3", "a", "unstorable", settings, 5_000);
  expect([...state.apart.keys()]).toEqual(["2", "3"]);
});
