import { describe, expect, test } from "vitest";
import { answerDirectives } from "../../../shared/cache/answer-directives.ts";
import { bornAt, keepUntil, lifetimeOf, softPurged, staleUse } from "../../../shared/cache/freshness.ts";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import { formatHttpDate } from "../../../shared/http/http-date.ts";
import { limits } from "../../../shared/limits.ts";
import { CacheWorld, cacheRequest, fieldSet, type Pairs } from "../../support/cache-world.ts";

const now = Date.UTC(2026, 10, 21, 12);
const date = (seconds: number): string => formatHttpDate(now + seconds * 1000);

function lifetime(pairs: Pairs, settings: CacheSettings = {}, status = 200): number {
  const fields = fieldSet(pairs);
  return lifetimeOf({ status, fields }, answerDirectives(fields), settings, now).ms / 1000;
}
const age = (pairs: Pairs, delayMs = 0): number =>
  (now - bornAt(fieldSet(pairs), { requestedAtMs: now - delayMs, receivedAtMs: now })) / 1000;

describe("freshness lifetime, RFC 9111 section 4.2.1", () => {
  test("s-maxage goes before max-age, max-age before Expires", () => {
    expect(lifetime([["cache-control", "max-age=1, s-maxage=60"]])).toBe(60);
    expect(lifetime([["cache-control", "s-maxage=1, max-age=60"]])).toBe(1);
    expect(
      lifetime([
        ["cache-control", "max-age=60"],
        ["expires", date(-10)],
        ["date", date(0)],
      ]),
    ).toBe(60);
    expect(
      lifetime([
        ["cache-control", "max-age=0"],
        ["expires", date(60)],
        ["date", date(0)],
      ]),
    ).toBe(0);
  });

  test("Expires less Date, or less the time of arrival where Date is none", () => {
    expect(
      lifetime([
        ["expires", date(30)],
        ["date", date(10)],
      ]),
    ).toBe(20);
    expect(
      lifetime([
        ["expires", date(300)],
        ["date", date(400)],
      ]),
    ).toBe(0);
    expect(
      lifetime([
        ["expires", date(30)],
        ["date", "foo"],
      ]),
    ).toBe(30);
    expect(lifetime([["expires", date(30)]])).toBe(30);
  });

  test("section 5.3: an Expires that is no date has expired, whatever could be guessed", () => {
    expect(
      lifetime([
        ["expires", "0"],
        ["last-modified", date(-1000)],
      ]),
    ).toBe(0);
    expect(lifetime([["expires", "0"]], { ttlMs: 60_000 })).toBe(0);
  });

  test("RFC 9213 section 2.2: beside a targeted field Expires does not count", () => {
    expect(
      lifetime([
        ["cdn-cache-control", "public"],
        ["expires", date(30)],
      ]),
    ).toBe(0);
  });

  test("no longer than a year", () => {
    expect(lifetime([["cache-control", "max-age=99999999999"]])).toBe(limits.cache.freshMsMax / 1000);
  });

  test("section 4.2.2: a tenth of the time since Last-Modified, a day at most, for statuses that allow it", () => {
    const modified = (seconds: number): Pairs => [
      ["last-modified", date(-seconds)],
      ["date", date(0)],
    ];
    expect(lifetime(modified(1000))).toBe(100);
    expect(lifetime(modified(100 * 86_400))).toBe(86_400);
    expect(lifetime(modified(-1000))).toBe(0);
    for (const status of [203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
      expect(lifetime(modified(1000), {}, status)).toBe(100);
    for (const status of [201, 202, 302, 307, 403, 502, 503, 504, 599])
      expect(lifetime(modified(1000), {}, status)).toBe(0);
    expect(lifetime([...modified(1000), ["cache-control", "public"]], {}, 599)).toBe(100);
  });

  test("a route's ttl is for good answers that say nothing; with override it goes before what they say", () => {
    const settings = { ttlMs: 60_000 };
    expect(lifetime([], settings)).toBe(60);
    expect(lifetime([["cache-control", "max-age=5"]], settings)).toBe(5);
    expect(lifetime([["last-modified", date(-1000)]], settings)).toBe(60);
    expect(lifetime([["cache-control", "max-age=5"]], { ...settings, override: true })).toBe(60);
    expect(lifetime([["cache-control", "max-age=5, no-cache"]], { ...settings, override: true })).toBe(0);
    for (const status of [302, 404, 500]) expect(lifetime([], settings, status)).toBe(0);
  });

  test("errors have lifetimes of their own, an exact status before its class", () => {
    const settings = { ttlMs: 60_000, errorTtlMs: { "404": 10_000, "5xx": 1_000 } };
    expect(lifetime([], settings, 404)).toBe(10);
    expect(lifetime([], settings, 503)).toBe(1);
    expect(lifetime([], settings, 410)).toBe(0);
    expect(lifetime([["cache-control", "max-age=5"]], settings, 404)).toBe(5);
  });

  test("an error about who asks, when, or with which fields, is in no class of them", () => {
    const settings = { errorTtlMs: { "4xx": 10_000, "403": 1_000, "401": 1_000 } };
    for (const [status, expected] of [
      [404, 10],
      [410, 10],
      [403, 1],
      [400, 0],
      [406, 0],
      [413, 0],
      [415, 0],
      [416, 0],
      [417, 0],
      [431, 0],
      [401, 0],
      [407, 0],
      [429, 0],
    ] as const)
      expect(lifetime([], settings, status)).toBe(expected);
  });
});

describe("age, RFC 9111 section 4.2.3", () => {
  test("the greater of what Age and Date say, the way here included", () => {
    expect(age([])).toBe(0);
    expect(age([["age", "30"]], 2_500)).toBe(32.5);
    expect(
      age([
        ["date", date(-100)],
        ["age", "30"],
      ]),
    ).toBe(100);
    expect(age([["date", date(100)]])).toBe(0);
  });

  test.each([
    ["abc", 0],
    ["-7200", 0],
    ["7200.0", 0],
    ["7200;foo=bar", 0],
    ["7200, 0", 7200],
    ["0, 7200", 0],
  ])("section 5.1: Age: %s is %i", (value, expected) => expect(age([["age", value]])).toBe(expected));

  test("a Date of this very second makes no age", () => {
    const fields = fieldSet([["date", date(0)]]);
    expect(bornAt(fields, { requestedAtMs: now + 900, receivedAtMs: now + 900 })).toBe(now + 900);
  });
});

describe("stale use, RFC 9111 section 4.2.4 and RFC 5861", () => {
  const use = (text: string, settings: CacheSettings = {}) => {
    const stale = staleUse(200, answerDirectives(fieldSet([["cache-control", text]])), now, settings);
    const { whileRevalidateUntilMs, ifErrorUntilMs, ifUnreachableUntilMs, byClient } = stale;
    return [...[whileRevalidateUntilMs, ifErrorUntilMs, ifUnreachableUntilMs].map((ms) => (ms - now) / 1000), byClient];
  };
  const all = { staleWhileRevalidateMs: 10_000, staleIfErrorMs: 20_000 };
  const unreachable = limits.cache.unreachableStaleMs / 1000;

  test("by default while the upstream cannot be reached, and as the client asks", () =>
    expect(use("max-age=1")).toEqual([0, 0, unreachable, true]));

  test("what the answer says goes before what the route says", () => {
    expect(use("max-age=1", all)).toEqual([10, 20, 20, true]);
    expect(use("stale-while-revalidate=3, stale-if-error=4", all)).toEqual([3, 4, 4, true]);
    expect(use("stale-if-error=0")).toEqual([0, 0, 0, true]);
    expect(use("max-age=1", { staleIfErrorMs: 0 })).toEqual([0, 0, 0, true]);
  });

  test.each(["must-revalidate", "proxy-revalidate", "no-cache"])("%s forbids all of it", (directive) =>
    expect(use(`${directive}, stale-while-revalidate=3, stale-if-error=4`, all)).toEqual([0, 0, 0, false]),
  );

  test("section 5.2.2.10: s-maxage forbids what others allow, not what the answer allows itself", () => {
    expect(use("s-maxage=2", all)).toEqual([0, 0, 0, false]);
    expect(use("s-maxage=2, stale-while-revalidate=3, stale-if-error=4", all)).toEqual([3, 4, 4, false]);
  });
});

describe("how long an answer is kept", () => {
  const never = { whileRevalidateUntilMs: 0, ifErrorUntilMs: 0, ifUnreachableUntilMs: 0, byClient: false };

  test("while it serves, and while it can be asked about, and no longer than purges are remembered", () => {
    expect(keepUntil(now + 5, never, false, now)).toBe(now + 5);
    expect(keepUntil(now - 5, never, true, now)).toBe(now + limits.cache.revalidatableMs);
    expect(keepUntil(now + limits.cache.freshMsMax, never, true, now)).toBe(now + limits.cachePurges.keepMsMax);
  });

  test("a soft purge leaves it to serve once more, for a moment", () => {
    const world = new CacheWorld(() => ({ status: 200, fields: [["cache-control", "max-age=1000"]], body: "a" }));
    world.send(cacheRequest());
    for (const list of world.stored.values()) for (const one of list) one.head = softPurged(one.head, world.nowMs);
    world.nowMs += 1;
    expect(world.send(cacheRequest()).verdict.kind).toBe("stale");
    expect(world.send(cacheRequest()).verdict.kind).toBe("hit");
    expect(world.asked).toHaveLength(2);
  });

  test("a soft purge of what forbids stale use is a purge", () => {
    const fields: Pairs = [["cache-control", "max-age=1000, must-revalidate"]];
    const world = new CacheWorld(() => ({ status: 200, fields, body: "a" }));
    world.send(cacheRequest());
    for (const list of world.stored.values()) for (const one of list) one.head = softPurged(one.head, world.nowMs);
    world.nowMs += 1;
    expect(world.send(cacheRequest()).verdict.kind).toBe("forward");
  });
});
