import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

function load(rateLimit: unknown, more: object = {}) {
  const route = { name: "r", match: { path: "/r" }, to: "https://o.example", rateLimit, ...more };
  const text = stringify({ selvage: 1, name: "t", gateway: { hosts: ["h"], routes: [route] } });
  return loadDocument(text, "f", () => undefined);
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ code, path }) => `${code} ${path.slice(3).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const limitsOf = (...given: Parameters<typeof load>) => planOf(...given).gateway.routes[0]?.rateLimits;
const DAY_MS = 86_400_000;

test("a limit is leased and slides unless it says otherwise", () => {
  expect(limitsOf({ limit: "100/minute", by: "ip" })).toEqual([
    { name: "ip", limit: 100, windowMs: 60_000, by: "ip", mode: "leased", onFailure: "closed" },
  ]);
});

test.each<[object, object]>([
  [
    { limit: "5/second", burst: 9, mode: "exact" },
    { limit: 5, windowMs: 1000, burst: 9, mode: "exact" },
  ],
  [
    { limit: "5/day", window: "fixed" },
    { windowMs: DAY_MS, window: "fixed" },
  ],
  [{ limit: "5/month" }, { windowMs: 31 * DAY_MS, window: "month" }],
  [{ limit: "5/30d" }, { windowMs: 30 * DAY_MS }],
  [{ concurrent: 7 }, { limit: 7, windowMs: 15_000, counts: "concurrent" }],
  [
    { limit: "900/minute", cost: { estimate: 90, header: "X-Used", body: "/usage/total_tokens" }, mode: "local" },
    {
      limit: 900,
      counts: "cost",
      cost: { estimate: 90, header: "x-used", body: "/usage/total_tokens" },
      mode: "local",
    },
  ],
])("%j", (written, compiled) => expect(limitsOf({ by: "ip", ...written })).toMatchObject([compiled]));

test("a limit is in shadow only where that is said", () => {
  expect(limitsOf({ limit: "9/day", by: "ip", shadow: true })).toMatchObject([{ shadow: true }]);
  expect(limitsOf({ limit: "9/day", by: "ip", mode: "shadow" })).toMatchObject([{ mode: "leased", shadow: true }]);
  expect(limitsOf({ limit: "9/day", by: "ip", mode: "enforce" })?.[0]).not.toHaveProperty("shadow");
  expect(limitsOf({ limit: "9/day", by: "ip", shadow: false })?.[0]).not.toHaveProperty("shadow");
});

test("a slot is held no longer than its route's time", () => {
  expect(limitsOf({ concurrent: 7, by: "ip" }, { timeout: "2m" })).toMatchObject([{ windowMs: 120_000 }]);
});

test.each<[string, object, string[]]>([
  ["neither count", {}, ["SLV2005 rateLimit"]],
  ["both counts", { limit: "1/minute", concurrent: 1 }, ["SLV2005 rateLimit"]],
  ["a burst of slots", { concurrent: 1, burst: 2 }, ["SLV3009 rateLimit.burst"]],
  ["slots in windows", { concurrent: 1, window: "fixed" }, ["SLV3009 rateLimit.window"]],
  ["a burst in fixed windows", { limit: "1/day", window: "fixed", burst: 2 }, ["SLV3009 rateLimit.burst"]],
  ["a burst in a month", { limit: "1/month", burst: 2 }, ["SLV3009 rateLimit.burst"]],
  ["a month that slides", { limit: "1/month", window: "sliding" }, ["SLV3009 rateLimit.window"]],
  ["a cost that nobody tells", { limit: "9/day", cost: { estimate: 1 } }, ["SLV2005 rateLimit.cost"]],
  ["a cost above all", { limit: "9/day", cost: { estimate: 10, header: "a" } }, ["SLV3009 rateLimit.cost.estimate"]],
  [
    "a pointer without slash",
    { limit: "9/day", cost: { estimate: 1, body: "usage" } },
    ["SLV2001 rateLimit.cost.body"],
  ],
  ["shadow in two ways", { limit: "9/day", mode: "shadow", shadow: true }, ["SLV3232 rateLimit.shadow"]],
  ["shadow that is no flag", { limit: "9/day", shadow: "yes" }, ["SLV2001 rateLimit.shadow"]],
  ["an unknown mode", { limit: "9/day", mode: "sloppy" }, ["SLV2001 rateLimit.mode"]],
  [
    "a burst as a cost",
    { limit: "9/day", burst: 2, cost: { estimate: 3, header: "a" } },
    ["SLV3009 rateLimit.cost.estimate"],
  ],
])("%s", (_, written, found) => expect(codes({ by: "ip", onFailure: "closed", ...written })).toEqual(found));

describe("explain states what a mode costs", () => {
  const said = (written: object): string | undefined => {
    const request = {
      method: "GET",
      host: "h",
      path: "/r",
      query: "",
      headers: [],
      credential: { kind: "none" },
    } as const;
    const { steps } = explain(planOf({ by: "ip", ...written }), request, 0);
    return steps.find(({ stage }) => stage.startsWith("limit "))?.text.split(", counted by")[0];
  };
  test.each<[object, string]>([
    [
      { limit: "100/minute", mode: "exact" },
      "100 in any window of 1m, exact: one call a request, never one too many, closed when the count is unknown",
    ],
    [
      { limit: "640/minute", mode: "exact" },
      "640 in any window of 1m, exact: one call a request, never one too many, up to 20 unused while its key is so hot that shards answer, closed when the count is unknown",
    ],
    [
      { limit: "640/minute", onFailure: "open" },
      "640 in any window of 1m, leased: never one too many, up to 20 unused in isolates, open when the count is unknown",
    ],
    [
      { limit: "10/minute" },
      "10 in any window of 1m, leased: never one too many; too small to be lent, so one call a request, closed when the count is unknown",
    ],
    [
      { limit: "6400/minute" },
      "6400 in any window of 1m, leased: never one too many, up to 200 unused in isolates, at a steady rate up to 1 in 61 unused, closed when the count is unknown",
    ],
    [
      { limit: "10/minute", mode: "local" },
      "10 in any window of 1m, local: each isolate, or agent, counts for itself, so up to 10 times their number",
    ],
    [
      { limit: "64/second", burst: 80 },
      "64 in 1s sustained, 80 at once, leased: never one too many, up to 10 unused in isolates, closed when the count is unknown",
    ],
    [
      { limit: "9/month" },
      "9 in a calendar month (UTC), leased: never one too many; too small to be lent, so one call a request, closed when the count is unknown",
    ],
    [
      { concurrent: 9 },
      "9 at once, leased: never one too many; too small to be lent, so one call a request, closed when the count is unknown",
    ],
    [
      { concurrent: 9, mode: "exact", shadow: true },
      "in shadow: would refuse what is beyond it, and nobody is refused; 9 at once, exact: one call a request, never one too many, closed when the count is unknown",
    ],
  ])("%j", (written, text) => expect(said(written)).toBe(text));
});
