import { describe, expect, test } from "vitest";
import { chooseVariant, type EdgeTrafficRule, type StickySource } from "../../../shared/policy/edge-traffic.ts";

const request = { method: "GET", path: "/a", claims: undefined, scopes: undefined };
const nobody = { identity: undefined, ip: undefined };
const variant = (name: string, weight: number) => ({ name, to: { service: name }, weight });
const split = (first: number, second: number, sticky?: StickySource): EdgeTrafficRule => ({
  headers: {},
  variants: [variant("old", first), variant("new", second)],
  ...(sticky !== undefined && { sticky }),
});
const choose = (
  rules: readonly EdgeTrafficRule[],
  { client = nobody, fields = {}, random = 0, route = "r" }: Partial<Asked> = {},
) => chooseVariant(rules, route, request, client, (name) => fields[name], random);

interface Asked {
  readonly client: { readonly identity: string | undefined; readonly ip: string | undefined };
  readonly fields: Readonly<Record<string, string>>;
  readonly random: number;
  readonly route: string;
}

const nameOf = (rule: EdgeTrafficRule, asked: Partial<Asked>): string | undefined =>
  choose([rule], asked)?.variant.name;

test("the first rule that matches decides, and none is no choice", () => {
  const canary = { headers: { "x-canary": "yes" }, variants: [variant("new", 1)] };
  const tester = { headers: {}, cookies: { group: "beta" }, variants: [variant("beta", 1)] };
  const name = (fields: Record<string, string>): string | undefined =>
    choose([canary, tester], { fields })?.variant.name;
  expect(name({ "x-canary": "yes", cookie: "group=beta" })).toBe("new");
  expect(name({ cookie: "a=b; group=beta" })).toBe("beta");
  expect(name({ cookie: "group=betamax" })).toBeUndefined();
  expect(name({})).toBeUndefined();
});

test("weights are shares of what is drawn", () => {
  const names = [0, 0.899, 0.9, 0.999].map((random) => nameOf(split(9, 1), { random }));
  expect(names).toEqual(["old", "old", "new", "new"]);
});

describe("clients that stay", () => {
  const users = Array.from({ length: 4_000 }, (_, at) => ({ identity: `jwt|issuer|user-${at}`, ip: `10.0.${at}.1` }));
  const share = (rule: EdgeTrafficRule, route = "r"): number =>
    users.filter((client) => nameOf(rule, { client, route }) === "new").length / users.length;

  test.each<StickySource>([{ by: "identity" }, { by: "ip" }])("by %o get their shares, whatever is drawn", (sticky) => {
    expect(share(split(9, 1, sticky))).toBeGreaterThan(0.08);
    expect(share(split(9, 1, sticky))).toBeLessThan(0.12);
    const client = { identity: "jwt|issuer|somebody", ip: "10.0.0.1" };
    const names = [0, 0.5, 0.999].map((random) => nameOf(split(1, 1, sticky), { client, random }));
    expect(new Set(names).size).toBe(1);
  });

  test("move no more than they must when weights change", () => {
    const before = users.map((client) => nameOf(split(9, 1, { by: "identity" }), { client }));
    const after = users.map((client) => nameOf(split(8, 2, { by: "identity" }), { client }));
    expect(before.some((name, at) => name === "new" && after[at] === "old")).toBe(false);
  });

  test("are not the same ones in every route", () => {
    const rule = split(1, 1, { by: "identity" });
    const same = users.filter(
      (client) => nameOf(rule, { client, route: "a" }) === nameOf(rule, { client, route: "b" }),
    );
    expect(same.length / users.length).toBeGreaterThan(0.45);
    expect(same.length / users.length).toBeLessThan(0.55);
  });

  test("by a header; without it each request is drawn", () => {
    const rule = split(1, 1, { header: "x-device" });
    const names = ["a", "b", "c", "d", "e", "f"].map((device) => nameOf(rule, { fields: { "x-device": device } }));
    expect(new Set(names)).toEqual(new Set(["old", "new"]));
    expect([0, 0.9].map((random) => nameOf(rule, { random }))).toEqual(["old", "new"]);
  });
});

describe("a cookie of the gateway", () => {
  const rule = split(9, 1, { cookie: "ab", maxAgeMs: 1000 });

  test("is given to who has none, and keeps what was drawn", () => {
    const first = choose([rule], { random: 0.95 });
    expect(first).toMatchObject({ variant: { name: "new" }, cookie: { name: "ab", value: "9500", maxAgeMs: 1000 } });
    const again = choose([rule], { fields: { cookie: "ab=9500" }, random: 0.1 });
    expect(again).toMatchObject({ variant: { name: "new" } });
    expect(again).not.toHaveProperty("cookie");
  });

  test.each(["", "x", "-1", "99999", "1e3", "9500; "])("of the value %j is replaced", (value) => {
    const isKept = value.trim().replace(";", "") === "9500";
    expect(choose([rule], { fields: { cookie: `ab=${value}` } })?.cookie === undefined).toBe(isKept);
  });
});
