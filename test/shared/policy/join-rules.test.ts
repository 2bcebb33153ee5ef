import { expect, test } from "vitest";
import { claimAt, type JoinPlan, judgeJoin, matchesPattern } from "../../../shared/policy/join-rules.ts";
import { githubClaims, kubernetesClaims } from "../../support/workload-tokens.ts";

test.each([
  ["shop/orders", "shop/orders", true],
  ["shop/orders", "shop/orders2", false],
  ["shop/*", "shop/orders", true],
  ["shop/*", "shop/", true],
  ["shop/*", "shop/a/b", false],
  ["shop/*", "shops/a", false],
  ["shop/**", "shop/a/b:c", true],
  ["system:serviceaccount:shop:*", "system:serviceaccount:shop:orders", true],
  ["system:serviceaccount:*", "system:serviceaccount:shop:orders", false],
  ["refs/tags/v*.*", "refs/tags/v1.2", true],
  ["refs/tags/v*.*", "refs/tags/v12", false],
  ["*", "", true],
  ["**", "anything at/all:", true],
  ["", "", true],
  ["", "x", false],
  ["a.c", "abc", false],
  ["(a+)+$", "aaaa", false],
  ["*a*a*a*a*a*a*a*a*b", "a".repeat(5_000), false],
])("%s matches %s: %s", (pattern, text, is) => {
  expect(matchesPattern(pattern, text)).toBe(is);
});

test("a claim is found by its path, whose names may have dots", () => {
  expect(claimAt(kubernetesClaims, "kubernetes.io.serviceaccount.name")).toBe("orders");
  expect(claimAt({ "a.b": 1, a: { b: 2 } }, "a.b")).toBe(1);
  expect(claimAt({ a: { "b.c": 3 } }, "a.b.c")).toBe(3);
  expect(claimAt({ a: "x" }, "a.length")).toBeUndefined();
  expect(claimAt({ a: [1] }, "a.0")).toBeUndefined();
  expect(claimAt({}, "__proto__.x")).toBeUndefined();
  expect(claimAt({}, "constructor")).toBeUndefined();
});

const plan: JoinPlan = {
  issuers: {},
  rules: [
    { issuer: "actions", claims: { repository: ["shop/orders"], ref: ["refs/tags/*"] }, service: "orders" },
    { issuer: "actions", claims: { repository_owner: ["shop"] }, service: "{environment}", allow: ["users"] },
    { issuer: "actions", claims: { repository_owner: ["shop", "other"] }, service: "gateway" },
    { issuer: "cluster", claims: { groups: ["b"] }, service: "orders" },
  ],
};

test("the first rule of the issuer that matches decides, and those before say why they do not", () => {
  expect(judgeJoin(plan, "actions", githubClaims)).toEqual({
    matched: { rule: 2, service: "gateway" },
    asked: [
      { rule: 0, verdict: { reason: 'ref is "refs/heads/main", expected refs/tags/*' } },
      { rule: 1, verdict: { reason: 'it comes to the service "production", which `allow` does not name' } },
      { rule: 2, verdict: { service: "gateway" } },
    ],
  });
  expect(judgeJoin(plan, "cluster", { groups: ["a", "b"] }).matched).toEqual({ rule: 3, service: "orders" });
  expect(judgeJoin(plan, "cluster", { groups: { b: "b" } }).matched).toBeUndefined();
  expect(judgeJoin(plan, "nobody", githubClaims)).toEqual({ asked: [] });
});

test.each([
  ["missing", {}],
  ["a list of two", { environment: ["users", "users"] }],
  ["an object", { environment: { toString: "users" } }],
  ["with a line end", { environment: "users\n" }],
])("a template's claim that is %s makes no service", (_, change) => {
  const { environment: __, ...claims } = githubClaims;
  const rule = plan.rules[1] as JoinPlan["rules"][number];
  expect(judgeJoin({ issuers: {}, rules: [rule] }, "actions", { ...claims, ...change }).matched).toBeUndefined();
});
