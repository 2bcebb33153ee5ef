import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

function load(rateLimit: unknown, more: object = {}, gateway: object = {}) {
  const route = { name: "r", match: { path: "/r" }, to: "https://o.example", rateLimit, ...more };
  const identity = { keys: { apiKey: { header: "x-api-key" } } };
  const text = stringify({
    selvage: 1,
    name: "t",
    gateway: { hosts: ["h"], identity, ...gateway, routes: [JSON.parse(JSON.stringify(route))] },
  });
  return loadDocument(text, "f", () => undefined);
}
const problemsOf = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ code, severity, path }) => `${severity} ${code} ${path.slice(3).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const routeOf = (...given: Parameters<typeof load>) => planOf(...given).gateway.routes[0];

const ip = { limit: "9/minute", by: "ip" };
const optional = { auth: { any: ["keys"], optional: true } };

describe("a limit that does not say what happens when it cannot be counted", () => {
  test.each<[string, object, object, string[]]>([
    ["on a public route", ip, {}, ["warning SLV3025 rateLimit"]],
    ["on one with optional auth", ip, optional, ["warning SLV3025 rateLimit"]],
    ["behind auth", ip, { auth: "keys" }, []],
    ["in shadow, where nobody is refused", { ...ip, shadow: true }, {}, []],
    ["counted by each isolate for itself", { ...ip, mode: "local" }, {}, []],
    ["but does: open", { ...ip, onFailure: "open" }, {}, []],
    ["but does: closed", { ...ip, onFailure: "closed" }, {}, []],
  ])("%s", (_, limit, more, found) => expect(problemsOf(limit, more)).toEqual(found));

  test("is named one by one, with what the default does and what to write", () => {
    const all = [ip, { ...ip, name: "b", onFailure: "open" }, { ...ip, name: "c" }];
    expect(problemsOf(all)).toEqual(["warning SLV3025 rateLimit.0", "warning SLV3025 rateLimit.2"]);
    const [problem] = load(ip).problems;
    expect(problem?.message).toMatch(/by default requests are refused with 503/);
    expect(problem?.expected).toMatch(/`onFailure: closed`.*`onFailure: open`/);
    expect(problem?.line).toBeGreaterThan(1);
  });
});

test("a limit of the gateway is asked for it where a public route names it", () => {
  const named = (limit: object) => problemsOf("shared", {}, { limits: { shared: limit } });
  expect(named(ip)).toEqual(["warning SLV3025 rateLimit"]);
  expect(named({ ...ip, onFailure: "open" })).toEqual([]);
  expect(named({ ...ip, mode: "local" })).toEqual([]);
  const slow = problemsOf(
    "shared",
    { timeout: "1s" },
    { limits: { shared: { ...ip, onFailure: "open", timeout: "2s" } } },
  );
  expect(slow).toEqual(["error SLV3009 rateLimit"]);
});

describe("the time that a request waits for it", () => {
  const closed = { ...ip, onFailure: "closed" };

  test.each<[unknown, object, string[]]>([
    ["200ms", {}, []],
    ["10ms", {}, []],
    ["10s", {}, []],
    ["9ms", {}, ["error SLV2001 rateLimit.timeout"]],
    ["11s", {}, ["error SLV2001 rateLimit.timeout"]],
    [200, {}, ["error SLV2001 rateLimit.timeout"]],
    ["2s", { timeout: "2s" }, ["error SLV3009 rateLimit.timeout"]],
    ["2s", { timeout: "3s" }, []],
  ])("%s %j", (timeout, more, found) => expect(problemsOf({ ...closed, timeout }, more)).toEqual(found));

  test("has no effect where nobody is asked", () => {
    expect(problemsOf({ ...closed, timeout: "1s", mode: "local" })).toEqual([
      "warning SLV3009 rateLimit.onFailure",
      "warning SLV3009 rateLimit.timeout",
    ]);
  });

  test("is compiled, and the default is as none", () => {
    expect(routeOf({ ...closed, timeout: "200ms" })?.rateLimits[0]?.timeoutMs).toBe(200);
    expect(routeOf({ ...closed, timeout: "1s" })).toEqual(routeOf(closed));
  });

  test("is explained", () => {
    const request = {
      method: "GET",
      host: "h",
      path: "/r",
      query: "",
      headers: [],
      credential: { kind: "none" },
    } as const;
    const { steps } = explain(planOf({ ...closed, timeout: "200ms" }), request, 0);
    expect(steps.find(({ stage }) => stage === "limit ip")?.text).toContain(
      "closed when the count is not known within 200ms",
    );
  });
});

describe("X-RateLimit fields", () => {
  const closed = { ...ip, onFailure: "closed" };
  const legacyOf = (more: object, gateway: object) => routeOf(closed, more, gateway)?.legacyRateLimitHeaders;

  test.each<[object, object, string | undefined]>([
    [{}, {}, undefined],
    [{}, { legacyRateLimitHeaders: "epoch" }, "epoch"],
    [{ legacyRateLimitHeaders: "seconds" }, { legacyRateLimitHeaders: "epoch" }, "seconds"],
    [{ legacyRateLimitHeaders: "none" }, { legacyRateLimitHeaders: "epoch" }, undefined],
  ])("of a route %j and the gateway %j: %s", (more, gateway, found) => expect(legacyOf(more, gateway)).toBe(found));

  test("on a route without limits have no effect", () => {
    expect(problemsOf(undefined, { legacyRateLimitHeaders: "epoch" })).toEqual([
      "warning SLV3009 legacyRateLimitHeaders",
    ]);
    expect(problemsOf(undefined, { legacyRateLimitHeaders: "none" })).toEqual([]);
    expect(problemsOf(undefined, {}, { legacyRateLimitHeaders: "epoch" })).toEqual([]);
    expect(routeOf(undefined, {}, { legacyRateLimitHeaders: "epoch" })).not.toHaveProperty("legacyRateLimitHeaders");
  });

  test("have a form that is named", () => {
    expect(problemsOf(closed, { legacyRateLimitHeaders: true })).toEqual(["error SLV2001 legacyRateLimitHeaders"]);
  });
});
