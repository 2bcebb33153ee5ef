import { describe, expect, test } from "vitest";
import { type CallLimit, callLimitKey, userOfClaims } from "../../../shared/policy/call-limits.ts";
import { endLocal, type LocalLimit, newLocalCounts, takeLocal } from "../../../shared/policy/local-limits.ts";

const perMinute = (limit: number, more: Partial<LocalLimit> = {}): LocalLimit => ({
  ...{ name: "a", limit, windowMs: 60_000 },
  ...more,
});
const atOnce = (limit: number): LocalLimit => ({ name: "slots", limit, windowMs: 1_000, counts: "concurrent" });

/** Verdicts of one request, by limit. */
const admitted = (
  counts: ReturnType<typeof newLocalCounts>,
  all: readonly LocalLimit[],
  nowMs: number,
  key = "k",
): boolean[] =>
  takeLocal(
    counts,
    all.map((settings) => ({ settings, key })),
    nowMs,
  ).outcomes.map(([, one]) => one.admitted);

describe("takeLocal", () => {
  test("admits as many as the limit in its window, and again when they are over", () => {
    const counts = newLocalCounts(10);
    expect([0, 1, 2].map((at) => admitted(counts, [perMinute(2)], 1_000 + at))).toEqual([[true], [true], [false]]);
    expect(admitted(counts, [perMinute(2)], 1_002, "other")).toEqual([true]);
    expect(admitted(counts, [perMinute(2)], 61_001)).toEqual([true]);
  });

  test("says what is left, and how long there is nothing", () => {
    const counts = newLocalCounts(10);
    const ask = (nowMs: number) => takeLocal(counts, [{ settings: perMinute(1), key: "k" }], nowMs).outcomes[0]?.[1];
    expect(ask(1_000)).toMatchObject({ admitted: true, remaining: 0 });
    expect(ask(2_000)).toMatchObject({ admitted: false, remaining: 0, resetMs: 59_000 });
  });

  test("with a burst as a token bucket", () => {
    const counts = newLocalCounts(10);
    const limit = perMinute(60, { burst: 3 });
    expect([0, 0, 0, 0].map(() => admitted(counts, [limit], 1_000))).toEqual([[true], [true], [true], [false]]);
    expect(admitted(counts, [limit], 2_000)).toEqual([true]);
    expect(admitted(counts, [limit], 2_000)).toEqual([false]);
  });

  test("what is refused by one is counted by none", () => {
    const counts = newLocalCounts(10);
    const both = [perMinute(2), perMinute(1, { name: "b" }), atOnce(5)];
    expect(admitted(counts, both, 1_000)).toEqual([true, true, true]);
    for (let count = 0; count < 5; count++) expect(admitted(counts, both, 1_001)).toEqual([true, false, true]);
    expect(admitted(counts, [perMinute(2)], 1_002)).toEqual([true]);
    expect(admitted(counts, [atOnce(5)], 1_002)).toEqual([true]);
  });

  test("requests at once give their place back once", () => {
    const counts = newLocalCounts(10);
    const take = () => takeLocal(counts, [{ settings: atOnce(1), key: "k" }], 0);
    const first = take();
    const second = take();
    expect([first.refused.length, second.refused.length]).toEqual([0, 1]);
    endLocal(second);
    expect(take().refused).toHaveLength(1);
    endLocal(first);
    expect(take().refused).toHaveLength(0);
  });

  test("in shadow nobody is refused or told, and it counts on", () => {
    const counts = newLocalCounts(10);
    const take = () => takeLocal(counts, [{ settings: perMinute(1, { shadow: true }), key: "k" }], 0);
    expect(take()).toMatchObject({ outcomes: [], refused: [], wouldRefuse: [] });
    expect(take()).toMatchObject({ outcomes: [], refused: [], wouldRefuse: [{ name: "a" }] });
  });

  test("a limit with another number goes on with the count, another way of counting begins anew", () => {
    const counts = newLocalCounts(10);
    expect(admitted(counts, [perMinute(1)], 0)).toEqual([true]);
    expect(admitted(counts, [perMinute(2)], 1)).toEqual([true]);
    expect(admitted(counts, [perMinute(2)], 2)).toEqual([false]);
    expect(admitted(counts, [perMinute(2, { window: "fixed" })], 3)).toEqual([true]);
  });

  test("keys are bounded: who was not heard of for the longest is forgotten", () => {
    const counts = newLocalCounts(2);
    const one = perMinute(1);
    for (const key of ["a", "b"]) admitted(counts, [one], 0, key);
    expect(admitted(counts, [one], 1, "a")).toEqual([false]);
    admitted(counts, [one], 2, "c");
    expect(counts.size).toBe(2);
    expect(admitted(counts, [one], 3, "a")).toEqual([false]);
    expect(admitted(counts, [one], 4, "b")).toEqual([true]);
  });

  test("a clock that goes back admits nobody again", () => {
    const counts = newLocalCounts(2);
    expect(admitted(counts, [perMinute(1)], 100_000)).toEqual([true]);
    expect(admitted(counts, [perMinute(1)], 1_000)).toEqual([false]);
  });
});

describe("callLimitKey", () => {
  const limit = (by: CallLimit["by"], more: Partial<CallLimit> = {}): CallLimit => ({ ...perMinute(1), by, ...more });
  const said: Record<string, string> = { "x-tenant": "t1", "x-empty": "" };
  const call = { service: "orders", path: "/items", header: (name: string) => said[name] };
  const ann = { sub: "ann", issuer: "i", method: "jwt" } as const;

  test.each([
    [limit(["all"]), "[]"],
    [limit(["service"]), '[["orders"]]'],
    [limit(["identity"]), '[["jwt","i","ann"]]'],
    [limit(["identity", "service"]), '[["jwt","i","ann"],["orders"]]'],
    [limit(["header:x-tenant", "path"]), '[["t1"],["/items"]]'],
  ])("%j", (settings, key) => {
    expect(callLimitKey(settings, { ...call, user: ann })).toBe(key);
  });

  test("without an end user: together, or refused", () => {
    expect(callLimitKey(limit(["identity"]), call)).toBe("[[]]");
    expect(callLimitKey(limit(["identity"], { missing: "refuse" }), call)).toMatchObject({ code: "not_permitted" });
  });

  test.each(["header:x-none", "header:x-empty"] as const)("without %s: together, or refused", (part) => {
    expect(callLimitKey(limit([part]), call)).toBe("[[]]");
    expect(callLimitKey(limit([part], { missing: "refuse" }), call)).toMatchObject({ code: "bad_request" });
  });

  test("an anonymous token is of nobody", () => {
    expect(userOfClaims(undefined)).toBeUndefined();
    expect(userOfClaims({ sub: "anonymous", rctx: { method: "anonymous", issuer: "" } })).toBeUndefined();
    expect(userOfClaims({ sub: "ann", rctx: { method: "jwt", issuer: "i" } })).toEqual(ann);
    expect(userOfClaims({ sub: "ann" })).toEqual({ sub: "ann", issuer: "", method: "" });
  });
});
