import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { retryAlarms } from "../../../shared/policy/alarms.ts";
import type { Seen } from "../../../shared/policy/caller-view.ts";
import {
  advisedOf,
  forgetCallers,
  mustTell,
  newVerdictState,
  takeCallerReport,
  textOf,
  type VerdictState,
  verdictOf,
} from "../../../shared/policy/fleet-verdict.ts";

const settings = limits.fleet;
const KNOWN = new Set(["i-1", "i-2", "i-7", "i-8"]);

function says(
  state: VerdictState,
  caller: string,
  seen: Readonly<Record<string, Seen>>,
  nowMs = 0,
  whole = true,
): void {
  const endpoints = Object.entries(seen).map(([instance, one]) => ({ instance, seen: one, good: 2, failed: 8 }));
  takeCallerReport(state, caller, { requests: 0, retries: 0, ...(whole && { whole }), endpoints }, nowMs, settings);
}
const verdict = (state: VerdictState, nowMs = 0, known = KNOWN) => verdictOf(state, known, nowMs, settings);

describe("endpoints", () => {
  test("3 of 4 callers see i-7 failing", () => {
    const state = newVerdictState();
    for (const caller of ["a", "b", "c"]) says(state, caller, { "i-1": "well", "i-7": "failing" });
    says(state, "d", { "i-7": "well" });
    const found = { instance: "i-7", failing: 3, callers: 4, attempts: 30, failures: 24, advised: true };
    expect(verdict(state)).toEqual({ endpoints: [found] });
  });

  test("what one caller alone sees is that caller's network", () => {
    const state = newVerdictState();
    says(state, "a", { "i-7": "failing" });
    expect(verdict(state).endpoints).toMatchObject([{ failing: 1, callers: 1, advised: false }]);
    expect(verdict(state).endpoints[0]).not.toHaveProperty("only");
    says(state, "b", { "i-7": "well" });
    expect(verdict(state).endpoints).toMatchObject([{ failing: 1, callers: 2, advised: false, only: "a" }]);
  });

  test("half of the callers are no majority", () => {
    const state = newVerdictState();
    for (const caller of ["a", "b"]) says(state, caller, { "i-7": "failing" });
    for (const caller of ["c", "d"]) says(state, caller, { "i-7": "well" });
    expect(advisedOf(verdict(state))).toEqual([]);
  });

  test("nobody is advised when more than half of the endpoints fail, or of one that left", () => {
    const state = newVerdictState();
    for (const caller of ["a", "b"]) says(state, caller, { "i-1": "failing", "i-2": "failing" });
    expect(advisedOf(verdict(state))).toEqual(["i-1", "i-2"]);
    for (const caller of ["a", "b"]) says(state, caller, { "i-7": "failing" }, 0, false);
    expect(verdict(state).endpoints.length).toBe(3);
    expect(advisedOf(verdict(state))).toEqual([]);
    expect(advisedOf(verdict(state, 0, new Set(["i-1"])))).toEqual([]);
    expect(verdict(state, 0, new Set(["i-2", "i-8"])).endpoints.map(({ instance }) => instance)).toEqual(["i-2"]);
  });

  test("what was said ends: failures soon, the rest later", () => {
    const state = newVerdictState();
    for (const caller of ["a", "b"]) says(state, caller, { "i-7": "failing" });
    says(state, "c", { "i-7": "well" });
    expect(verdict(state, settings.failingForMs - 1).endpoints[0]).toMatchObject({ failing: 2, callers: 3 });
    expect(verdict(state, settings.failingForMs).endpoints).toEqual([]);
    expect(forgetCallers(state, settings.failingForMs)).toEqual(["a", "b"]);
    expect(forgetCallers(state, settings.wellForMs)).toEqual(["c"]);
  });

  test("a change replaces what it names, a whole report everything", () => {
    const state = newVerdictState();
    for (const caller of ["a", "b"]) says(state, caller, { "i-1": "failing", "i-7": "failing" });
    says(state, "a", { "i-7": "well" }, 0, false);
    expect(verdict(state).endpoints.map(({ instance, failing }) => [instance, failing])).toEqual([
      ["i-1", 2],
      ["i-7", 1],
    ]);
    says(state, "b", { "i-1": "none" }, 0, false);
    says(state, "a", {});
    expect(verdict(state).endpoints.map(({ instance, failing }) => [instance, failing])).toEqual([["i-7", 1]]);
  });

  test("advice leaves at least as many endpoints as it is against, whatever is said", () => {
    const seen = fc.dictionary(fc.constantFrom(...KNOWN, "gone"), fc.constantFrom<Seen>("well", "failing", "none"));
    const said = fc.record({
      caller: fc.constantFrom("a", "b", "c"),
      seen,
      atMs: fc.integer({ min: 0, max: 2e6 }),
      whole: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(said), fc.subarray([...KNOWN]), (all, known) => {
        const state = newVerdictState();
        for (const one of all) says(state, one.caller, one.seen, one.atMs, one.whole);
        const found = verdict(state, 1e6, new Set(known));
        const advised = advisedOf(found);
        const isFair = found.endpoints.every(
          ({ failing, callers }) => failing >= 1 && failing <= callers && callers <= 3,
        );
        return isFair && advised.length * 2 <= known.length && advised.every((instance) => known.includes(instance));
      }),
    );
  });
});

describe("retries", () => {
  const report = (requests: number, retries: number) => ({ requests, retries, endpoints: [] });

  test("are told, and an alarm, from a tenth of all attempts on", () => {
    const state = newVerdictState();
    takeCallerReport(state, "a", report(900, 60), 0, settings);
    expect(verdict(state).retries).toBeUndefined();
    takeCallerReport(state, "b", report(0, 60), 0, settings);
    expect(verdict(state).retries).toEqual({ requests: 900, retries: 120 });
    expect(retryAlarms(new Map([["s", verdict(state)]]))).toMatchObject([
      { code: "retries_high", text: "12 % of all attempts at `s` are retries (120 beside 900 requests)" },
    ]);
    expect(verdict(state, 15 * 60_000).retries).toBeUndefined();
  });

  test("of a few requests are no alarm", () => {
    const state = newVerdictState();
    takeCallerReport(state, "a", report(99, 99), 0, settings);
    expect(verdict(state).retries).toBeUndefined();
  });
});

test("a verdict is told when it is another one, and again while it holds", () => {
  const state = newVerdictState();
  const empty = textOf(verdict(state));
  expect([empty, mustTell(empty, undefined, 0, 100)]).toEqual(["", false]);
  says(state, "a", { "i-7": "failing" });
  const text = textOf(verdict(state));
  expect(mustTell(text, undefined, 0, 100)).toBe(true);
  expect([99, 100].map((nowMs) => mustTell(text, { text, atMs: 0 }, nowMs, 100))).toEqual([false, true]);
  expect(mustTell(empty, { text, atMs: 0 }, 1, 100)).toBe(true);
  expect(mustTell(empty, { text: empty, atMs: 1 }, 1_000, 100)).toBe(false);
  // More of the same is not another verdict.
  takeCallerReport(state, "a", { requests: 900, retries: 200, endpoints: [] }, 0, settings);
  const retrying = textOf(verdict(state));
  expect(retrying).not.toBe(text);
  expect(textOf(verdict(state, 10_000))).toBe(retrying);
});
