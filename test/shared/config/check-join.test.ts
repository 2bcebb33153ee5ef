import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";

type Part = Record<string, unknown>;

const github = { preset: "github", audience: "a" };
const rule = { issuer: "actions", claims: { repository: "shop/orders" }, service: "orders" };

function documentOf(join: Part, certificates?: Part): Part {
  const services = { orders: { port: 1, access: [] }, users: { port: 2, access: [] } };
  return {
    selvage: 1,
    name: "shop",
    mesh: { trustDomain: "shop.internal", join, ...(certificates !== undefined && { certificates }), services },
  };
}

const problems = (join: Part, certificates?: Part): string[] =>
  checkDocument(documentOf(join, certificates)).problems.map(({ code, severity, path, suggestion }) =>
    [severity === "error" ? code : `${code}?`, path.slice(1).join("."), suggestion].filter(Boolean).join(" "),
  );
const withRule = (change: Part): Part => ({ issuers: { actions: github }, rules: [{ ...rule, ...change }] });
const withIssuer = (change: Part): Part => ({
  issuers: { own: { issuer: "https://i.example", audience: "a", ...change } },
  rules: [{ issuer: "own", claims: { sub: "x" }, service: "orders" }],
});

test("rules that say whose workloads they mean are fine", () => {
  expect(problems({ issuers: { actions: github }, rules: [rule] })).toEqual([]);
  expect(problems(withRule({ claims: { repository_owner: ["shop", "shop2"] } }))).toEqual([]);
  expect(problems(withRule({ claims: { sub: "repo:shop/*" }, service: "gateway" }))).toEqual([]);
  const template = { service: "{repository}-x", allow: ["orders"] };
  expect(problems(withRule({ ...template, service: "{environment}" }))).toEqual([]);
  expect(problems(withIssuer({}))).toEqual([]);
  expect(problems(withIssuer({ issuer: "http://127.0.0.1:9" }))).toEqual([]);
});

test.each<[string, Part, string[]]>([
  ["an unknown service", withRule({ service: "ordres" }), ["SLV3001 join.rules.0.service orders"]],
  [
    "an unknown service that is allowed",
    withRule({ service: "{environment}", allow: ["ordres"] }),
    ["SLV3001 join.rules.0.allow.0 orders"],
  ],
  [
    "an unknown issuer",
    withRule({ issuer: "action" }),
    ["SLV3222? join.issuers.actions", "SLV3222 join.rules.0.issuer actions"],
  ],
  ["a rule for every repository", withRule({ claims: { ref: "refs/heads/main" } }), ["SLV3223 join.rules.0"]],
  ["no condition", withRule({ claims: undefined }), ["SLV3223 join.rules.0"]],
  ["every owner", withRule({ claims: { repository: "*/orders" } }), ["SLV3223 join.rules.0"]],
  [
    "one of several repositories anybody's",
    withRule({ claims: { repository: ["shop/a", "**"] } }),
    ["SLV3223 join.rules.0"],
  ],
  ["every owner that begins so", withRule({ claims: { repository: "s**" } }), ["SLV3223 join.rules.0"]],
  ["every repository by its subject", withRule({ claims: { sub: "repo:*" } }), ["SLV3223 join.rules.0"]],
  [
    "GitHub without the preset's name",
    {
      issuers: { own: { issuer: "https://token.actions.githubusercontent.com", audience: "a" } },
      rules: [{ ...rule, issuer: "own", claims: { ref: "x" } }],
    },
    ["SLV3223 join.rules.0"],
  ],
  [
    "every workload of a cluster",
    {
      issuers: { own: { preset: "kubernetes", issuer: "https://k", audience: "a" } },
      rules: [{ issuer: "own", service: "orders" }],
    },
    ["SLV3224? join.rules.0"],
  ],
  [
    "every workload of an own issuer",
    {
      issuers: { own: { issuer: "https://k", audience: "a" } },
      rules: [{ issuer: "own", claims: { sub: "**" }, service: "orders" }],
    },
    ["SLV3224? join.rules.0"],
  ],
  ["a template without `allow`", withRule({ service: "{environment}" }), ["SLV3226 join.rules.0.service"]],
  ["`allow` without a template", withRule({ allow: ["orders"] }), ["SLV3226 join.rules.0.allow"]],
  ["braces around nothing", withRule({ service: "{}" }), ["SLV3226 join.rules.0.service"]],
  [
    "a service that the template never makes",
    withRule({ service: "{environment}-v1", allow: ["orders"] }),
    ["SLV3226 join.rules.0.allow.0"],
  ],
  ["an issuer that nobody named", withIssuer({ issuer: undefined }), ["SLV3220 join.issuers.own"]],
  ["an issuer that is no URL", withIssuer({ issuer: "login" }), ["SLV3220 join.issuers.own.issuer"]],
  [
    "two places of keys",
    withIssuer({ jwks: "https://k", keys: [{ kty: "EC" }] }),
    ["SLV3014 join.issuers.own.keys.0", "SLV3220 join.issuers.own.keys"],
  ],
  ["a shared secret", withIssuer({ keys: [{ kty: "oct", k: "x" }] }), ["SLV3014 join.issuers.own.keys.0"]],
  [
    "an issuer without TLS",
    withIssuer({ issuer: "http://i.example" }),
    ["SLV3221 join.issuers.own.issuer https://i.example"],
  ],
  [
    "keys without TLS",
    withIssuer({ jwks: "http://i.example/k" }),
    ["SLV3221 join.issuers.own.jwks https://i.example/k"],
  ],
  ["an unknown preset", withIssuer({ preset: "gitub" }), ["SLV2001 join.issuers.own.preset github"]],
  [
    "an issuer that no rule names",
    { issuers: { actions: github, other: github }, rules: [rule] },
    ["SLV3222? join.issuers.other"],
  ],
])("%s is found", (_, join, found) => {
  expect(problems(join).sort()).toEqual([...found].sort());
});

test("a rule that an earlier one always comes before decides nothing", () => {
  const rules = (...others: Part[]): Part => ({ issuers: { actions: github }, rules: [rule, ...others] });
  const narrow = { ...rule, claims: { repository: "shop/orders", ref: "refs/heads/main" } };
  expect(problems(rules({ ...narrow, service: "users" }))).toEqual(["SLV3225 join.rules.1"]);
  expect(problems(rules(narrow))).toEqual(["SLV3225? join.rules.1"]);
  expect(problems(rules({ ...narrow, claims: { repository: "shop/*" }, service: "users" }))).toEqual([]);
  const wide = { ...rule, claims: { repository: "shop/*" } };
  expect(problems({ issuers: { actions: github }, rules: [wide, { ...rule, service: "users" }] })).toEqual([
    "SLV3225 join.rules.1",
  ]);
});

test("a token that ends before its certificate is found", () => {
  expect(problems({}, { lifetime: "2h", tokenLifetime: "1h" })).toEqual(["SLV3227 certificates.tokenLifetime"]);
  expect(problems({}, { tokenLifetime: "1h" })).toEqual(["SLV3227 certificates.tokenLifetime"]);
  expect(problems({}, { lifetime: "1h", tokenLifetime: "1h" })).toEqual([]);
});

test("what says nothing new is not in the plan, and what means the same is the same", () => {
  const plan = (join: Part, certificates?: Part) =>
    compile(checkDocument(documentOf(join, certificates)).document as Document).mesh;
  expect(plan({}, { lifetime: "24h", tokenLifetime: "7d" })).toEqual(plan({}));
  expect(plan({ keyLifetime: "90d" })).toEqual(plan({}));
  expect(plan({ keyLifetime: "1d" }).enrolmentKeyMs).toBe(86_400_000);
  expect(plan({}, { lifetime: "1h" }).lives).toEqual({ certificateMs: 3_600_000, tokenMs: 7 * 3_600_000 });
  const [one, other] = [
    plan({ issuers: { actions: { ...github, audience: ["b", "a"], clockSkew: "1m" } }, rules: [rule] }),
    plan({
      issuers: { actions: { preset: "github", audience: ["a", "b"] } },
      rules: [{ ...rule, claims: { repository: ["shop/orders"] } }],
    }),
  ];
  expect(canonicalJson(one)).toBe(canonicalJson(other));
  expect(one.join?.issuers.actions?.issuer).toBe("https://token.actions.githubusercontent.com");
});
