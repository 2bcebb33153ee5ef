import { describe, expect, test } from "vitest";
import { decideAccess, needsUser, rulesFor } from "../../../shared/auth/access.ts";
import type { AccessRule } from "../../../shared/policy/settings.ts";

const rules = [
  { from: "gateway", scopes: ["orders:read"], methods: ["GET"] },
  { from: "gateway", scopes: ["orders:write"], methods: ["POST", "PUT"] },
  { from: "billing", scopes: [], methods: [] },
];

const rest = { claims: undefined, path: "/" };
const needsScopes = (list: readonly AccessRule[] | undefined, from: string, method: string): boolean =>
  needsUser(rulesFor(list, from), { method, path: "/" });

describe("decideAccess", () => {
  test("no identity of the trust domain never passes, not even without a list", () => {
    expect(decideAccess(undefined, { from: undefined, scopes: undefined, method: "GET", ...rest })).toMatchObject({
      allowed: false,
      code: "peer_not_trusted",
    });
  });

  test("no list lets every workload through, an empty one nobody", () => {
    const request = { from: "users", scopes: undefined, method: "GET", ...rest };
    expect(decideAccess(undefined, request)).toEqual({ allowed: true, rule: -1 });
    expect(decideAccess([], request)).toMatchObject({ allowed: false, code: "access_denied" });
  });

  test("a rule must accept the request whole", () => {
    const from = "gateway";
    expect(decideAccess(rules, { from, scopes: ["orders:read"], method: "GET", ...rest })).toEqual({
      allowed: true,
      rule: 0,
    });
    expect(decideAccess(rules, { from, scopes: ["orders:read"], method: "POST", ...rest })).toMatchObject({
      code: "access_denied",
      reason: "the end user lacks orders:write for POST from gateway",
    });
    expect(
      decideAccess(rules, { from, scopes: ["orders:read", "orders:write"], method: "DELETE", ...rest }),
    ).toMatchObject({
      code: "access_denied",
    });
    expect(decideAccess(rules, { from, scopes: undefined, method: "GET", ...rest })).toMatchObject({
      code: "txn_token_missing",
    });
  });

  test("a workload that no rule names is told apart in the reason", () => {
    expect(decideAccess(rules, { from: "users", scopes: ["orders:read"], method: "GET", ...rest })).toMatchObject({
      code: "access_denied",
      reason: "no rule names users",
    });
  });

  test("a star is every workload of the trust domain", () => {
    const open = [{ from: "*", scopes: [], methods: [] }];
    expect(decideAccess(open, { from: "users", scopes: undefined, method: "DELETE", ...rest }).allowed).toBe(true);
  });
});

test("a token is verified only where scopes can decide", () => {
  expect(needsScopes(rules, "gateway", "GET")).toBe(true);
  expect(needsScopes(rules, "gateway", "DELETE")).toBe(false);
  expect(needsScopes(rules, "billing", "GET")).toBe(false);
  expect(needsScopes(undefined, "gateway", "GET")).toBe(false);
  expect(needsScopes([...rules, { from: "*", scopes: [], methods: [] }], "gateway", "GET")).toBe(false);
});

describe("a rule of paths", () => {
  const list: AccessRule[] = [
    { from: "*", scopes: [], methods: ["GET"], paths: ["/public/*", "/health"] },
    { from: "orders", scopes: [], methods: [], paths: ["/*"] },
  ];
  const ask = (from: string, path: string) =>
    decideAccess(list, { from, scopes: undefined, claims: undefined, method: "GET", path });

  test("takes what is named and all below, without a look at the query", () => {
    for (const path of ["/public", "/public/", "/public/a/b", "/health", "/health?x=/admin"])
      expect(ask("users", path)).toEqual({ allowed: true, rule: 0 });
    expect(ask("orders", "/admin")).toEqual({ allowed: true, rule: 1 });
    expect(ask("users", "/publicity")).toMatchObject({
      code: "access_denied",
      reason: "no rule lets users use GET on /publicity",
    });
  });

  test.each(["/public/../admin", "/public/%2e%2e/admin", "/public/..%2fadmin", "/public//x", "/public/..;/x", "*"])(
    "takes no path that could be read in another way: %s",
    (path) => {
      expect(ask("users", path).allowed).toBe(false);
      expect(ask("orders", path).allowed).toBe(false);
    },
  );
});

test("a rule of claims goes by the verified token alone", () => {
  const list: AccessRule[] = [{ from: "*", scopes: [], methods: [], claims: { "tctx.route": "admin" } }];
  const ask = (claims: Record<string, unknown> | undefined) =>
    decideAccess(list, { from: "gateway", method: "GET", path: "/", scopes: claims && [], claims });
  expect(ask({ sub: "a", tctx: { route: "admin" } }).allowed).toBe(true);
  expect(ask({ sub: "a", tctx: { route: "other" } })).toMatchObject({ code: "access_denied" });
  expect(ask(undefined)).toMatchObject({ code: "txn_token_missing" });
  expect(needsUser(rulesFor(list, "gateway"), { method: "GET", path: "/" })).toBe(true);
});

describe("shadow", () => {
  const ask = (list: AccessRule[], from: string, method: string) =>
    decideAccess(list, { from, method, path: "/", scopes: undefined, claims: undefined });

  test("lets through whom the rule names, and tells what it would have refused", () => {
    const list: AccessRule[] = [
      { from: "gateway", scopes: [], methods: ["GET"] },
      { from: "orders", scopes: [], methods: ["GET"], mode: "shadow" },
    ];
    expect(ask(list, "orders", "GET")).toEqual({ allowed: true, rule: 1 });
    expect(ask(list, "orders", "POST")).toEqual({
      allowed: true,
      rule: -1,
      shadow: { code: "access_denied", reason: "no rule lets orders use POST" },
    });
    expect(ask(list, "gateway", "POST").allowed).toBe(false);
    expect(ask(list, "users", "GET").allowed).toBe(false);
  });

  test("of every rule refuses nobody, and needs no token", () => {
    const list: AccessRule[] = [{ from: "gateway", scopes: ["a"], methods: [], mode: "shadow" }];
    expect(ask(list, "users", "GET")).toMatchObject({ allowed: true, shadow: { reason: "no rule names users" } });
    expect(ask(list, "gateway", "GET")).toMatchObject({ allowed: true, shadow: { code: "txn_token_missing" } });
    expect(needsUser(rulesFor(list, "gateway"), { method: "GET", path: "/" })).toBe(false);
  });

  test("a list of nothing is not in shadow", () => {
    expect(ask([], "users", "GET").allowed).toBe(false);
  });
});

test("audit names the rules that decided", () => {
  const list: AccessRule[] = [
    { from: "orders", scopes: [], methods: ["GET"], audit: true },
    { from: "orders", scopes: [], methods: ["PUT"] },
  ];
  const ask = (from: string, method: string) =>
    decideAccess(list, { from, method, path: "/", scopes: undefined, claims: undefined }).audited;
  expect(ask("orders", "GET")).toEqual([0]);
  expect(ask("orders", "PUT")).toBeUndefined();
  expect(ask("orders", "DELETE")).toEqual([0]);
  expect(ask("users", "GET")).toBeUndefined();
});
