import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TrafficRule } from "../../../shared/policy/settings.ts";
import { chooseSubset, hasLabels, type TrafficRequest } from "../../../shared/policy/traffic.ts";

const GET: TrafficRequest = { method: "GET", path: "/v2/items?x=/y", claims: undefined, scopes: undefined };

const rules = [
  { headers: { "x-canary": "true" }, split: { v2: 1 } },
  { headers: {}, split: { v1: 90, v2: 10 } },
];

describe("chooseSubset", () => {
  test("the first rule whose headers match decides", () => {
    const canary = (name: string) => (name === "x-canary" ? "true" : undefined);
    for (const random of [0, 0.5, 0.999])
      expect(chooseSubset(rules, GET, canary, random)).toEqual({ subset: "v2", rule: 0 });
    expect(chooseSubset(rules, GET, () => undefined, 0)).toEqual({ subset: "v1", rule: 1 });
  });

  test("weights are shares of the random range", () => {
    const at = (random: number) => chooseSubset(rules, GET, () => undefined, random)?.subset;
    expect([0, 0.899, 0.9, 0.999].map(at)).toEqual(["v1", "v1", "v2", "v2"]);
  });

  test("no rules, or none that matches: no subset", () => {
    expect(chooseSubset([], GET, () => undefined, 0)).toBeUndefined();
    expect(chooseSubset([rules[0] as (typeof rules)[0]], GET, () => "false", 0)).toBeUndefined();
  });

  test("property: a subset of weight 0 is never drawn, another always is", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.nat(100)),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (split, random) => {
          const subset = chooseSubset([{ headers: {}, split }], GET, () => undefined, random)?.subset;
          if (subset === undefined) expect(Object.values(split).every((weight) => weight === 0)).toBe(true);
          else expect(split[subset]).toBeGreaterThan(0);
        },
      ),
    );
  });

  const user = { claims: { sub: "alice", tctx: { plan: "gold", list: [1] } }, scopes: ["beta", "orders:read"] };
  test.each<[Omit<TrafficRule, "headers" | "split">, Partial<TrafficRequest>, boolean]>([
    [{ path: "/v2/items" }, {}, true],
    [{ path: "/v2/item" }, {}, false],
    [{ path: "/v2/items" }, { path: "/v2/items/1" }, false],
    [{ path: "/v2/*" }, {}, true],
    [{ path: "/v2/*" }, { path: "/v2" }, true],
    [{ path: "/v2/*" }, { path: "/v2?x" }, true],
    [{ path: "/v2/*" }, { path: "/v21" }, false],
    [{ path: "/v2/*" }, { path: "/a?/v2/" }, false],
    [{ path: "/*" }, { path: "*" }, false],
    [{ path: "/*" }, { path: "/" }, true],
    [{ methods: ["GET", "HEAD"] }, {}, true],
    [{ methods: ["POST"] }, {}, false],
    [{ claims: { sub: "alice" } }, user, true],
    [{ claims: { sub: "alice" } }, {}, false],
    [{ claims: { sub: "bob" } }, user, false],
    [{ claims: { "tctx.plan": "gold" } }, user, true],
    [{ claims: { "tctx.list": "1" } }, user, false],
    [{ claims: { "tctx.toString": "x" } }, user, false],
    [{ scopes: ["beta"] }, user, true],
    [{ scopes: ["beta", "admin"] }, user, false],
    [{ scopes: ["beta"] }, {}, false],
    [{ path: "/v2/*", methods: ["GET"], scopes: ["beta"] }, user, true],
    [{ path: "/v2/*", methods: ["POST"], scopes: ["beta"] }, user, false],
  ])("%j asked with %j: %s", (match, request, matches) => {
    const rule = { headers: {}, split: { v2: 1 }, ...match };
    const choice = chooseSubset([rule], { ...GET, ...request }, () => undefined, 0);
    expect(choice).toEqual(matches ? { subset: "v2", rule: 0 } : undefined);
  });

  test("labels select endpoints", () => {
    expect(hasLabels({ version: "v1", zone: "a" }, { version: "v1" })).toBe(true);
    expect(hasLabels({ version: "v2" }, { version: "v1" })).toBe(false);
    expect(hasLabels({}, undefined)).toBe(true);
  });
});
