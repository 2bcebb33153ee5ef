/** When a key set is fetched, and which tokens of unknown keys wait for it. */
import { describe, expect, test } from "vitest";
import { beginKeyWait, endKeyWait, type KeyWait, newKeyQueue } from "../../../shared/auth/key-queue.ts";
import {
  type KeyMiss,
  type KeySetTimes,
  keyMiss,
  keySetUse,
  newKeySetTimes,
} from "../../../shared/auth/key-set-use.ts";
import { limits } from "../../../shared/limits.ts";

describe("use of a key set", () => {
  const { jwksFreshMs, jwksStaleMs, jwksRetryMs, jwksCooldownMs, jwksQuietMs } = limits.identity;
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

  const alone = (waitedMs: number): KeyWait => ({
    kid: "k",
    sinceMs: now - waitedMs,
    count: 1,
    isCrowd: false,
    displaced: false,
  });
  const crowd: KeyWait = { ...alone(0), count: 2, isCrowd: true };
  const cooled = times(jwksCooldownMs, jwksCooldownMs);
  const justFetched = times(1_000, 1_000);
  test.each<[string, KeySetTimes, KeyWait, KeyMiss]>([
    ["alone after a long while", times(jwksQuietMs, jwksQuietMs), alone(0), "fetch"],
    ["alone, cooled down", cooled, alone(0), jwksCooldownMs],
    ["alone, cooled down, in the middle of its wait", cooled, alone(2_000), jwksCooldownMs - 2_000],
    ["alone, cooled down, at the end of its wait", cooled, alone(jwksCooldownMs), "fetch"],
    ["alone, soon after a fetch", justFetched, alone(0), jwksCooldownMs],
    ["alone, soon after a fetch that others made", justFetched, alone(jwksCooldownMs), jwksCooldownMs - 1_000],
    ["with others, cooled down", cooled, crowd, "fetch"],
    ["with others, soon after a fetch", justFetched, crowd, jwksCooldownMs - 1_000],
    ["soon after a fetch that failed", times(600_000, 1), crowd, "refuse"],
    ["alone, soon after a fetch that failed", times(600_000, 1), alone(jwksCooldownMs), "refuse"],
    ["with others, a while after one that failed", times(600_000, jwksCooldownMs), crowd, "fetch"],
  ])("a token of an unknown key: %s", (_, state, wait, miss) => {
    expect(keyMiss(state, wait, now)).toBe(miss);
  });
});

describe("the queue of unknown keys", () => {
  const { keyNewcomersMax, keyWaitsMax } = limits.identity;

  test("who comes alone gives way to newcomers, the oldest first", () => {
    const queue = newKeyQueue();
    const waits = Array.from({ length: keyNewcomersMax + 2 }, (_, at) => beginKeyWait(queue, `k${at}`, 0));
    expect(waits.map((wait) => wait?.displaced)).toEqual(waits.map((_, at) => at < 2));
    expect(queue.newcomers.size).toBe(keyNewcomersMax);
    for (const wait of waits) if (wait !== undefined) endKeyWait(queue, wait);
    expect(queue).toEqual(newKeyQueue());
  });

  test("who comes again keeps the place of all of that name", () => {
    const queue = newKeyQueue();
    const [first, second] = [beginKeyWait(queue, "new", 0), beginKeyWait(queue, "new", 0)];
    expect(second).toBe(first);
    for (let at = 0; at < 10 * keyNewcomersMax; at++) beginKeyWait(queue, `k${at}`, 0);
    expect(first).toMatchObject({ displaced: false, isCrowd: true });
  });

  test("a name that was displaced begins anew, and its end takes nobody else's place", () => {
    const queue = newKeyQueue();
    const first = beginKeyWait(queue, "k", 0);
    for (let at = 0; at < keyNewcomersMax; at++) beginKeyWait(queue, `k${at}`, 0);
    const again = beginKeyWait(queue, "k", 0);
    expect(again).not.toBe(first);
    if (first !== undefined) endKeyWait(queue, first);
    expect(queue.newcomers.get("k")).toBe(again);
  });

  test("is full at its bound", () => {
    const queue = newKeyQueue();
    for (let at = 0; at < keyWaitsMax; at++) expect(beginKeyWait(queue, "new", 0)).toBeDefined();
    expect(beginKeyWait(queue, "new", 0)).toBeUndefined();
    expect(beginKeyWait(queue, "other", 0)).toBeUndefined();
  });
});
