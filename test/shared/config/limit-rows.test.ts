import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { keyOf } from "../../../shared/auth/key-form.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const MINUTE_MS = 60_000;
const identity = { keys: { apiKey: { header: "x-api-key" } } };

/** @param rateLimit of the route `r`, which has `auth` unless it says otherwise */
function load(rateLimit: unknown, gateway: object = {}, route: object = {}) {
  const one = { name: "r", match: { path: "/r" }, to: "https://o.example", auth: "keys", rateLimit, ...route };
  const text = stringify({ selvage: 1, name: "t", gateway: { hosts: ["h"], identity, routes: [one], ...gateway } });
  return loadDocument(text, "f", () => undefined);
}
const found = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ code, path, severity }) => `${code} ${severity} ${path.slice(1).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document).gateway;
};
const own = { limit: "100/minute", by: "identity" };

describe("compiled", () => {
  test("rows are whole numbers, and stand once", () => {
    const plans = { pro: "1000/minute", large: { limit: "9000/minute" }, internal: "unlimited" };
    const { limitRows, routes } = planOf({ ...own, plans, consumers: { "Acme Inc.": "5/minute" } });
    expect(limitRows).toEqual({
      "r/identity": {
        plans: {
          pro: { limit: 1000, windowMs: MINUTE_MS },
          large: { limit: 9000, windowMs: MINUTE_MS },
          internal: "unlimited",
        },
        consumers: { "Acme Inc.": { limit: 5, windowMs: MINUTE_MS } },
      },
    });
    expect(routes[0]?.rateLimits).toMatchObject([{ name: "identity", limit: 100, rows: "r/identity" }]);
  });

  test.each<[string, object, object, object]>([
    [
      "a burst is the limit's own where a row says none",
      { ...own, burst: 20 },
      { a: "200/minute", b: { burst: 40 } },
      { a: { limit: 200, windowMs: MINUTE_MS, burst: 20 }, b: { limit: 100, windowMs: MINUTE_MS, burst: 40 } },
    ],
    [
      "windows of the clock stay so",
      { ...own, window: "fixed" },
      { a: "200/minute" },
      { a: { limit: 200, windowMs: MINUTE_MS, window: "fixed" } },
    ],
    [
      "months",
      { limit: "1/month", by: "identity" },
      { a: "2/month" },
      { a: { limit: 2, windowMs: 31 * 86_400_000, window: "month" } },
    ],
    [
      "requests at once",
      { concurrent: 5, by: "identity" },
      { a: 10, b: { concurrent: 20 } },
      { a: { limit: 10 }, b: { limit: 20 } },
    ],
    [
      "costs",
      { ...own, cost: { estimate: 10, header: "x-used" } },
      { a: "200/minute" },
      { a: { limit: 200, windowMs: MINUTE_MS } },
    ],
  ])("%s", (_, limit, plans, rows) => {
    expect(planOf({ ...limit, plans }).limitRows).toEqual({ "r/identity": { plans: rows } });
  });

  test("a limit of the gateway has its key's name, and one count unless each route has its own", () => {
    const named = { all: own, each: { ...own, scope: "route" } };
    const { routes, limitRows } = planOf(["all", "each", { limit: "5/second", by: "ip" }], { limits: named });
    expect(routes[0]?.rateLimits.map(({ name, scope }) => [name, scope])).toEqual([
      ["all", "gateway"],
      ["each", undefined],
      ["ip", undefined],
    ]);
    expect(limitRows).toBeUndefined();
    expect(planOf("all", { limits: { all: own } }).routes[0]?.rateLimits).toHaveLength(1);
  });

  test("slots that routes share are held as long as the longest of them runs", () => {
    const to = "https://o.example";
    const routes = ["1m", "5m"].map((timeout, at) => ({
      ...{ name: `r${at}`, match: { path: `/r${at}` }, auth: "keys", rateLimit: "slots", timeout, to },
    }));
    const shared = { concurrent: 5, by: "identity" };
    const windows = (limit: object): unknown[] =>
      planOf([], { limits: { slots: limit }, routes }).routes.map((route) => route.rateLimits[0]?.windowMs);
    expect(windows(shared)).toEqual([300_000, 300_000]);
    expect(windows({ ...shared, scope: "route" })).toEqual([60_000, 300_000]);
  });

  test("the order of rows means nothing", () => {
    const [one, other] = [
      { a: "1/minute", b: "2/minute" },
      { b: "2/minute", a: "1/minute" },
    ].map((plans) => canonicalJson(planOf({ ...own, plans })));
    expect(one).toBe(other);
  });
});

test.each<[string, unknown, object, string[]]>([
  [
    "a limit that is none of the gateway's",
    "standart",
    { limits: { standard: own } },
    ["SLV3036 error routes.0.rateLimit", "SLV3037 warning limits.standard"],
  ],
  [
    "one of them in a list",
    ["standart", "standard"],
    { limits: { standard: own } },
    ["SLV3036 error routes.0.rateLimit.0"],
  ],
  [
    "one that is named twice",
    ["standard", "standard"],
    { limits: { standard: own } },
    ["SLV3006 error routes.0.rateLimit.1"],
  ],
  [
    "one beside another of its name",
    ["standard", { ...own, name: "standard" }],
    { limits: { standard: own } },
    ["SLV3006 error routes.0.rateLimit.1.name"],
  ],
  [
    "one with a name of its own",
    "standard",
    { limits: { standard: { ...own, name: "x" } } },
    ["SLV2003 error limits.standard.name"],
  ],
  [
    "one that is wrong is told once",
    "standard",
    { limits: { standard: { by: "identity" } } },
    ["SLV2005 error limits.standard"],
  ],
  ["a scope of a route's own limit", { ...own, scope: "route" }, {}, ["SLV2003 error routes.0.rateLimit.scope"]],
  [
    "a plan that is not declared",
    { ...own, plans: { prp: "9/minute", pro: "9/minute" } },
    { plans: ["pro"] },
    ["SLV3036 error routes.0.rateLimit.plans.prp"],
  ],
  [
    "a plan that no limit knows",
    { ...own, plans: { pro: "9/minute" } },
    { plans: ["pro", "free"] },
    ["SLV3037 warning plans.1"],
  ],
  [
    "a plan that is declared twice",
    { ...own, plans: { pro: "9/minute" } },
    { plans: ["pro", "pro"] },
    ["SLV3006 error plans.1"],
  ],
  ["no rate", { ...own, plans: { pro: "lots" } }, {}, ["SLV2001 error routes.0.rateLimit.plans.pro"]],
  [
    "an unknown key",
    { ...own, plans: { pro: { limits: "9/minute" } } },
    {},
    ["SLV2003 error routes.0.rateLimit.plans.pro.limits"],
  ],
  [
    "a name of two lines",
    { ...own, plans: { "a\nb": "9/minute" } },
    {},
    ["SLV2004 error routes.0.rateLimit.plans.a\nb"],
  ],
  [
    "a number where a rate belongs",
    { ...own, consumers: { acme: 9 } },
    {},
    ["SLV3009 error routes.0.rateLimit.consumers.acme"],
  ],
  [
    "slots of a rate",
    { ...own, consumers: { acme: { concurrent: 9 } } },
    {},
    ["SLV3009 error routes.0.rateLimit.consumers.acme.concurrent"],
  ],
  [
    "a rate of slots",
    { concurrent: 5, by: "identity", plans: { pro: "9/minute" } },
    {},
    ["SLV3009 error routes.0.rateLimit.plans.pro"],
  ],
  [
    "a burst of slots",
    { concurrent: 5, by: "identity", plans: { pro: { burst: 3 } } },
    {},
    ["SLV3009 error routes.0.rateLimit.plans.pro.burst"],
  ],
  [
    "a burst of months",
    { limit: "9/month", by: "identity", plans: { pro: { burst: 3 } } },
    {},
    ["SLV3009 error routes.0.rateLimit.plans.pro"],
  ],
  ["another window", { ...own, plans: { pro: "1000/hour" } }, {}, ["SLV3037 warning routes.0.rateLimit.plans.pro"]],
  ["the same window in other words", { ...own, plans: { pro: "1000/60s" } }, {}, []],
  [
    "a burst of its own",
    { ...own, plans: { pro: { limit: "1000/minute", burst: 50 } } },
    {},
    ["SLV3037 warning routes.0.rateLimit.plans.pro"],
  ],
  [
    "less than a request reserves",
    { ...own, cost: { estimate: 20, header: "x" }, plans: { small: "10/minute" } },
    {},
    ["SLV3009 error routes.0.rateLimit.plans.small"],
  ],
])("%s", (_, rateLimit, gateway, problems) => expect(found(rateLimit, gateway)).toEqual(problems));

test.each<[string, object, string[]]>([
  ["by identity", own, ["SLV3009 error routes.0.rateLimit"]],
  ["by address", { limit: "9/minute", by: "ip", plans: { pro: "10/minute" } }, ["SLV3037 warning routes.0.rateLimit"]],
])("a limit of the gateway on a route without auth, %s", (_, limit, problems) =>
  expect(found("named", { limits: { named: { ...limit, onFailure: "closed" } } }, { auth: undefined })).toEqual(
    problems,
  ),
);

test("rows have a bound", () => {
  const rows = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`c${at}`, "9/minute"]));
  expect(found({ ...own, consumers: rows(limits.rateLimit.rowsMax) })).toEqual([]);
  expect(found({ ...own, consumers: rows(limits.rateLimit.rowsMax + 1) })).toEqual([
    "SLV2001 error routes.0.rateLimit.consumers",
  ]);
});

describe("explain says which row decides", () => {
  const text = readFileSync(new URL("../../../examples/limits/selvage.yaml", import.meta.url), "utf8");
  const { document } = loadDocument(text, "limits", () => undefined);
  const said = (credential: Credential, headers: [string, string][] = []): string | undefined => {
    if (document === undefined) throw new Error("no document");
    const request = { method: "GET", host: "localhost", path: "/search", query: "", headers, credential };
    const { steps } = explain(compile(document), request, 0);
    return steps.find(({ stage }) => stage === "limit standard")?.text.split(", leased")[0];
  };
  const key = (owner: string, plan?: string): Credential => ({
    kind: "key",
    record: {
      ...{ id: "0123456789abcdef", prefix: "slv", start: "slv_1234", owner, scopes: [], groups: [], createdAtMs: 0 },
      ...(plan !== undefined && { plan }),
    },
  });
  test.each<[Credential, string]>([
    [key("tiny"), "100 in any window of 1m, the limit's own: no plan, none for the consumer tiny"],
    [
      key("tiny", "gone"),
      "100 in any window of 1m, the limit's own: no row for the plan gone, none for the consumer tiny",
    ],
    [key("tiny", "pro"), "1000 in any window of 1m, by the row of the plan pro"],
    [key("acme", "pro"), "5000 in any window of 1m, by the row of the consumer acme"],
    [key("tiny", "internal"), "lifted, by the row of the plan internal"],
  ])("%j", (credential, expected) => expect(said(credential)).toBe(expected));

  test("what it cannot know", () => {
    const key = keyOf("slv", new Uint8Array(64).fill(7)) ?? "";
    expect(said({ kind: "none" }, [["x-api-key", key]])).toBe(
      "100 in any window of 1m, the limit's own: whose key it is was not looked up (see --as-key)",
    );
  });
});
