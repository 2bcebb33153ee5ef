import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  answerMonitor,
  hearIsolate,
  isWatched,
  type MonitorQuestion,
  newMonitor,
  noteCheck,
} from "../../../shared/policy/upstream-monitor.ts";

const { heardForMs, isolatesMax, checkedForMs } = limits.upstreams;
const targets = ["a", "b"].map((name) => ({ name, url: `http://${name}`, weight: 1, group: 0 }));
const health = {
  method: "GET",
  path: "/",
  intervalMs: 1_000,
  timeoutMs: 1_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
} as const;
const question = (isolate: string, more: Partial<MonitorQuestion> = {}): MonitorQuestion => ({
  isolate,
  version: 1,
  targets,
  ejected: [],
  ...more,
});
const out = [{ target: "a", forMs: 5_000 }];

describe("checks", () => {
  const watched = () => {
    const state = newMonitor();
    hearIsolate(state, question("one", { health }), 0);
    return state;
  };

  test("some in a row change what is thought of a target", () => {
    const state = watched();
    const unwell = () => answerMonitor(state, "one", 0).unwell;
    expect([noteCheck(state, "a", false), noteCheck(state, "a", false)]).toEqual([false, false]);
    noteCheck(state, "a", true);
    expect([1, 2, 3].map(() => noteCheck(state, "a", false))).toEqual([false, false, true]);
    expect(unwell()).toEqual(["a"]);
    expect([noteCheck(state, "a", true), noteCheck(state, "a", true)]).toEqual([false, true]);
    expect(unwell()).toEqual([]);
  });

  test("of a target that is gone count for nothing", () => {
    const state = watched();
    for (let n = 0; n < 3; n++) noteCheck(state, "b", false);
    hearIsolate(state, question("one", { version: 2, targets: targets.slice(0, 1), health }), 1);
    expect(noteCheck(state, "b", false)).toBe(false);
    expect(answerMonitor(state, "one", 1).unwell).toEqual([]);
  });

  test("end a while after the last question", () => {
    const state = watched();
    expect(isWatched(state, checkedForMs)).toBe(true);
    expect(isWatched(state, checkedForMs + 1)).toBe(false);
    hearIsolate(state, question("one", { version: 2 }), checkedForMs);
    expect(isWatched(state, checkedForMs)).toBe(false);
  });
});

describe("settings", () => {
  test("of the newer plan count while it spreads, and those of the older one when nobody has the newer", () => {
    const state = newMonitor();
    expect(hearIsolate(state, question("new", { version: 2, health }), 0)).toBe(true);
    expect(hearIsolate(state, question("old", { version: 1 }), 1)).toBe(false);
    expect(state.health).toBe(health);
    expect(hearIsolate(state, question("old", { version: 1 }), heardForMs + 1)).toBe(true);
    expect(state.health).toBeUndefined();
  });
});

describe("ejections", () => {
  const ejectedFor = (state: ReturnType<typeof newMonitor>, isolate: string, nowMs = 0) =>
    answerMonitor(state, isolate, nowMs).ejected;

  test("of one isolate are its own", () => {
    const state = newMonitor();
    hearIsolate(state, question("one", { ejected: out }), 0);
    hearIsolate(state, question("two"), 0);
    expect(ejectedFor(state, "two")).toEqual([]);
  });

  test("of two are told to all, for as long as the longest lasts", () => {
    const state = newMonitor();
    hearIsolate(state, question("one", { ejected: out }), 0);
    hearIsolate(state, question("two", { ejected: [{ target: "a", forMs: 9_000 }] }), 0);
    expect(ejectedFor(state, "three", 1_000)).toEqual([{ target: "a", forMs: 8_000 }]);
    // To each of the two the other's.
    expect(ejectedFor(state, "two", 1_000)).toEqual([{ target: "a", forMs: 4_000 }]);
    expect(ejectedFor(state, "three", 5_000)).toEqual([]);
  });

  test("need more isolates where there are many, but never more than a few", () => {
    const state = newMonitor();
    for (let n = 0; n < 100; n++) hearIsolate(state, question(`i${n}`, n < 2 ? { ejected: out } : {}), 0);
    expect(ejectedFor(state, "i99")).toEqual([]);
    hearIsolate(state, question("i2", { ejected: out }), 0);
    expect(ejectedFor(state, "i99")).toHaveLength(1);
  });

  test("of isolates that are silent are forgotten, and their number has a bound", () => {
    const state = newMonitor();
    for (const isolate of ["one", "two"])
      hearIsolate(state, question(isolate, { ejected: [{ target: "a", forMs: 60_000 }] }), 0);
    hearIsolate(state, question("three"), heardForMs + 1);
    expect([ejectedFor(state, "three", heardForMs + 1), state.isolates.size]).toEqual([[], 1]);
    for (let n = 0; n < isolatesMax + 50; n++) hearIsolate(state, question(`i${n}`), heardForMs + 1);
    expect(state.isolates.size).toBe(isolatesMax);
  });
});
