import { describe, expect, test } from "vitest";
import { decideAccess, needsScopes } from "../../../shared/auth/access.ts";

const rules = [
  { from: "gateway", scopes: ["orders:read"], methods: ["GET"] },
  { from: "gateway", scopes: ["orders:write"], methods: ["POST", "PUT"] },
  { from: "billing", scopes: [], methods: [] },
];

describe("decideAccess", () => {
  test("no identity of the trust domain never passes, not even without a list", () => {
    expect(decideAccess(undefined, { from: undefined, scopes: undefined, method: "GET" })).toMatchObject({
      allowed: false,
      code: "peer_not_trusted",
    });
  });

  test("no list lets every workload through, an empty one nobody", () => {
    const request = { from: "users", scopes: undefined, method: "GET" };
    expect(decideAccess(undefined, request)).toEqual({ allowed: true, rule: -1 });
    expect(decideAccess([], request)).toMatchObject({ allowed: false, code: "access_denied" });
  });

  test("a rule must accept the request whole", () => {
    const from = "gateway";
    expect(decideAccess(rules, { from, scopes: ["orders:read"], method: "GET" })).toEqual({ allowed: true, rule: 0 });
    expect(decideAccess(rules, { from, scopes: ["orders:read"], method: "POST" })).toMatchObject({
      code: "access_denied",
      reason: "the end user lacks orders:write for POST from gateway",
    });
    expect(decideAccess(rules, { from, scopes: ["orders:read", "orders:write"], method: "DELETE" })).toMatchObject({
      code: "access_denied",
    });
    expect(decideAccess(rules, { from, scopes: undefined, method: "GET" })).toMatchObject({
      code: "txn_token_missing",
    });
  });

  test("a workload that no rule names is told apart in the reason", () => {
    expect(decideAccess(rules, { from: "users", scopes: ["orders:read"], method: "GET" })).toMatchObject({
      code: "access_denied",
      reason: "no rule names users",
    });
  });

  test("a star is every workload of the trust domain", () => {
    const open = [{ from: "*", scopes: [], methods: [] }];
    expect(decideAccess(open, { from: "users", scopes: undefined, method: "DELETE" }).allowed).toBe(true);
  });
});

test("a token is verified only where scopes can decide", () => {
  expect(needsScopes(rules, "gateway", "GET")).toBe(true);
  expect(needsScopes(rules, "gateway", "DELETE")).toBe(false);
  expect(needsScopes(rules, "billing", "GET")).toBe(false);
  expect(needsScopes(undefined, "gateway", "GET")).toBe(false);
  expect(needsScopes([...rules, { from: "*", scopes: [], methods: [] }], "gateway", "GET")).toBe(false);
});
