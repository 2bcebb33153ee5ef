/** When a key set is fetched, and which tokens of unknown keys wait for it. */
import { describe, expect, test } from "vitest";
import { beginKeyWait, endKeyWait, newKeyQueue } from "../../../shared/auth/key-queue.ts";
import { type KeySetTimes, keyMiss, keySetUse, newKeySetTimes } from "../../../shared/auth/key-set-use.ts";
import { limits } from "../../../shared/limits.ts";

describe("use of a key set", () => {
  const { jwksFreshMs, jwksStaleMs, jwksRetryMs, jwksCooldownMs } = limits.identity;
  const now = 1_790_000_000_000;
  const times = (fetchedAgo: number, attemptedAgo: number) => ({
    ...newKeySetTimes(),
    fetchedAtMs: now - fetchedAgo,
    attemptedAtMs: now - attemptedAgo,
  });

  test.each([
    ["never fetched", newKeySetTimes(), "fetch"],
    ["never fetched, just tried", { ...newKeySetTimes(), attemptedAtMs: now - 1 }, "none"],
    ["fresh", times(jwksFreshMs, jwksFreshMs), "use"],
    ["not fresh", times(jwksFreshMs + 1, jwksFreshMs + 1), "refresh"],
    ["not fresh, just tried", times(jwksFreshMs + 1, jwksCooldownMs - 1), "use"],
    ["not fresh, issuer away", times(jwksStaleMs, jwksCooldownMs), "refresh"],
    ["stale", times(jwksStaleMs + 1, jwksRetryMs), "fetch"],
  ])("%s", (_, state, use) => {
    expect(keySetUse(state, now)).toBe(use);
  });

  test.each<[string, KeySetTimes, boolean, "fetch" | "refuse" | number]>([
    ["a while after the last fetch", times(jwksCooldownMs, jwksCooldownMs), false, "fetch"],
    ["of a withdrawn key a while after it", times(jwksCooldownMs, jwksCooldownMs), true, "fetch"],
    ["soon after it", times(jwksCooldownMs - 1, jwksCooldownMs - 1), false, 1],
    ["at once", times(0, 0), false, jwksCooldownMs],
    ["of a withdrawn key soon after it", times(1, 1), true, "refuse"],
    ["soon after one that failed", times(600_000, 1), false, "refuse"],
    ["a while after one that failed", times(600_000, jwksCooldownMs), false, "fetch"],
  ])("a token of an unknown key %s", (_, state, withdrawn, miss) => {
    expect(keyMiss(state, withdrawn, now)).toBe(miss);
  });
});

describe("the queue of unknown keys", () => {
  const { keyNewcomersMax, keyWaitsMax } = limits.identity;

  test("who comes alone gives way to newcomers, the oldest first", () => {
    const queue = newKeyQueue();
    const waits = Array.from({ length: keyNewcomersMax + 2 }, (_, at) => beginKeyWait(queue, `k${at}`));
    expect(waits.map((wait) => wait?.displaced)).toEqual(waits.map((_, at) => at < 2));
    expect(queue.newcomers.size).toBe(keyNewcomersMax);
    for (const wait of waits) if (wait !== undefined) endKeyWait(queue, wait);
    expect(queue).toEqual(newKeyQueue());
  });

  test("who comes again keeps the place of all of that name", () => {
    const queue = newKeyQueue();
    const [first, second] = [beginKeyWait(queue, "new"), beginKeyWait(queue, "new")];
    expect(second).toBe(first);
    for (let at = 0; at < 10 * keyNewcomersMax; at++) beginKeyWait(queue, `k${at}`);
    expect(first?.displaced).toBe(false);
  });

  test("a name that was displaced begins anew, and its end takes nobody else's place", () => {
    const queue = newKeyQueue();
    const first = beginKeyWait(queue, "k");
    for (let at = 0; at < keyNewcomersMax; at++) beginKeyWait(queue, `k${at}`);
    const again = beginKeyWait(queue, "k");
    expect(again).not.toBe(first);
    if (first !== undefined) endKeyWait(queue, first);
    expect(queue.newcomers.get("k")).toBe(again);
  });

  test("is full at its bound", () => {
    const queue = newKeyQueue();
    for (let at = 0; at < keyWaitsMax; at++) expect(beginKeyWait(queue, "new")).toBeDefined();
    expect(beginKeyWait(queue, "new")).toBeUndefined();
    expect(beginKeyWait(queue, "other")).toBeUndefined();
  });
});
