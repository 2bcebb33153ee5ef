/**
 * Freshness and age beside the package http-cache-semantics 4.3: equal where both go by RFC 9111, and each difference by its
 * clause. Ours is kept: it differs where the package is laxer or stricter than the clause, and has no ranges, targeted fields,
 * groups, partitions or numbers that are computed once.
 */
import fc from "fast-check";
import CachePolicy from "http-cache-semantics";
import { describe, expect, test } from "vitest";
import { formatHttpDate } from "../../../shared/http/http-date.ts";
import { CacheWorld, cacheRequest, type Pairs } from "../../support/cache-world.ts";

const now = Date.UTC(2026, 10, 21, 12);
const date = (seconds: number): string => formatHttpDate(now + seconds * 1000);

interface Case {
  readonly status?: number;
  readonly answer: Readonly<Record<string, string>>;
  /** Seconds between the request that is stored and the next one. */
  readonly after?: number;
  readonly request?: Readonly<Record<string, string>>;
}

/** Whether the second request is served from what was stored, without a question. */
function theirs({ status = 200, answer, after = 0, request = {} }: Case): boolean {
  let time = now;
  class Policy extends CachePolicy {
    override now(): number {
      return time;
    }
  }
  const message = { method: "GET", url: "/orders", headers: { host: "shop.example" } };
  const policy = new Policy(message, { status, headers: answer });
  time += after * 1000;
  return (
    policy.storable() &&
    policy.satisfiesWithoutRevalidation({ ...message, headers: { ...message.headers, ...request } })
  );
}

function ours({ status = 200, answer, after = 0, request = {} }: Case): boolean {
  const world = new CacheWorld(() => ({ status, fields: Object.entries(answer) as unknown as Pairs, body: "" }));
  world.nowMs = now;
  world.send(cacheRequest());
  world.nowMs += after * 1000;
  return world.send(cacheRequest({ fields: Object.entries(request) })).verdict.kind === "hit";
}

const seconds = fc.constantFrom(0, 1, 5, 10, 30, 60, 100, 3600);
const directive = fc.oneof(
  fc
    .record({ name: fc.constantFrom("max-age", "s-maxage"), value: seconds })
    .map(({ name, value }) => `${name}=${value}`),
  fc.constantFrom("public", "no-cache", "no-store", "private", "extension", "extension=1"),
);
/** Each name once: with several values the package takes the last one. */
const control = fc
  .uniqueArray(directive, { maxLength: 4, selector: (text) => text.split("=")[0] })
  .map((all) => all.join(", "));

const cases = fc
  .record({
    status: fc.constantFrom(200, 203, 204, 301, 404, 410, 302, 307),
    control: fc.option(control, { nil: undefined }),
    expires: fc.option(fc.integer({ min: -100, max: 4000 }), { nil: undefined }),
    // Up to ten days, since a guess is a day at most here.
    modified: fc.option(fc.integer({ min: 0, max: 864_000 }), { nil: undefined }),
    age: fc.option(seconds, { nil: undefined }),
    after: seconds,
    asked: fc.option(
      fc.record({ name: fc.constantFrom("max-age", "min-fresh"), value: seconds.filter((value) => value > 0) }),
      { nil: undefined },
    ),
  })
  .map(({ status, control, expires, modified, age, after, asked }): Case => {
    const answer: Record<string, string> = { date: date(0) };
    if (control !== undefined) answer["cache-control"] = control;
    if (expires !== undefined) answer.expires = date(expires);
    if (modified !== undefined) answer["last-modified"] = date(-modified);
    if (age !== undefined) answer.age = String(age);
    return { status, answer, after, ...(asked && { request: { "cache-control": `${asked.name}=${asked.value}` } }) };
  });

describe("http-cache-semantics and shared/cache", () => {
  test("say the same of what is well formed and both know", () => {
    let hits = 0;
    fc.assert(
      fc.property(cases, (one) => {
        const expected = theirs(one);
        if (expected) hits++;
        expect(ours(one)).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
    expect(hits).toBeGreaterThan(100);
  });

  const old = { "last-modified": date(-1_000) };
  test.each<[string, Case, boolean]>([
    ["4.2.3: an old Date is an age", { answer: { date: date(-100), "cache-control": "max-age=60" } }, false],
    ["5.2: directives have no case", { answer: { "cache-control": "Max-Age=60" } }, true],
    ["5.2: directives have no case, No-Store neither", { answer: { "cache-control": "max-age=60, No-Store" } }, false],
    [
      "5.2: what stands in quotes is no directive",
      { answer: { "cache-control": 'max-age=1, ext="a, max-age=60"' }, after: 5 },
      false,
    ],
    [
      "4.2.1: of several values the least counts",
      { answer: { "cache-control": "max-age=1, max-age=60" }, after: 5 },
      false,
    ],
    ["4.2.1: what is no number is no lifetime", { answer: { "cache-control": "max-age=60x" } }, false],
    ["5.1: an Age that is no number is ignored", { answer: { "cache-control": "max-age=60", age: "100x" } }, true],
    ["5.3: a date in another time zone is no date", { answer: { expires: "Thu, 18 Aug 2050 02:01:18 UTC" } }, false],
    [
      "5.2.2.2: must-revalidate is about stale answers",
      { answer: { "cache-control": "max-age=60, must-revalidate" } },
      true,
    ],
    [
      "5.2.2.8: proxy-revalidate is about stale answers",
      { answer: { "cache-control": "max-age=60, proxy-revalidate" } },
      true,
    ],
    [
      "5.2.2.10: s-maxage forbids what max-stale asks for",
      { answer: { "cache-control": "s-maxage=1" }, after: 5, request: { "cache-control": "max-stale" } },
      false,
    ],
    [
      "5.2.1.2: max-stale=5 includes the fifth second",
      { answer: { "cache-control": "max-age=1" }, after: 6, request: { "cache-control": "max-stale=5" } },
      true,
    ],
    [
      "5.4: Pragma counts only without Cache-Control",
      { answer: { "cache-control": "max-age=60" }, request: { pragma: "no-cache", "cache-control": "max-age=10" } },
      true,
    ],
    ["5.4: Pragma of an answer means nothing", { answer: { ...old, pragma: "no-cache" } }, true],
    ["3: any final status may state a lifetime", { status: 299, answer: { "cache-control": "max-age=60" } }, true],
    [
      "5.2.2.3: must-understand counts instead of no-store",
      { answer: { "cache-control": "max-age=60, no-store, must-understand" } },
      true,
    ],
    ["4.2.2: a guess has a bound", { answer: { "last-modified": date(-100 * 86_400) }, after: 2 * 86_400 }, false],
    ["RFC 8246 section 2: immutable makes nothing fresh", { answer: { "cache-control": "immutable" } }, false],
    [
      "RFC 9213 section 2.2: a targeted field counts instead",
      { answer: { "cache-control": "no-store", "cdn-cache-control": "max-age=60" } },
      true,
    ],
  ])("differ by RFC 9111 section %s", (_, one, expected) => {
    expect(ours(one)).toBe(expected);
    expect(theirs(one)).toBe(!expected);
  });
});
