import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (rules: string) =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes: [{ name: r, match: { path: /r/* }, to: orders, rewrite: /v2/* }]
mesh:
  trustDomain: a.internal
  services:
    orders: { port: 1, access: [{ from: gateway }], subsets: { v1: { v: "1" }, v2: { v: "2" } }, traffic: [${rules}] }
`,
    "f",
    () => undefined,
  );
const codes = (rules: string): string[] =>
  load(rules).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(4).join(".")}`);
const planOf = (rules: string) => {
  const { document, problems } = load(rules);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};

test("everything stated, in one form", () => {
  const match =
    "{ headers: { X-A: b }, path: /v2/*, methods: [POST, GET], claims: { tctx.plan: gold }, scopes: [b, a] }";
  expect(planOf(`{ match: ${match}, to: v2 }`).mesh.services.orders?.traffic).toEqual([
    {
      headers: { "x-a": "b" },
      path: "/v2/*",
      methods: ["GET", "POST"],
      claims: { "tctx.plan": "gold" },
      scopes: ["a", "b"],
      split: { v2: 1 },
    },
  ]);
  expect(planOf("{ match: { headers: {}, claims: {} }, to: v1 }").mesh.services.orders?.traffic).toEqual([
    { headers: {}, split: { v1: 1 } },
  ]);
});

test.each([
  ["{ match: { path: v2 }, to: v2 }", ["error SLV2001 0.match.path"]],
  ["{ match: { path: /v2* }, to: v2 }", ["error SLV2001 0.match.path"]],
  ["{ match: { claims: { email: x } }, to: v2 }", ["error SLV2004 0.match.claims.email"]],
  ["{ match: { methods: [get] }, to: v2 }", ["error SLV2001 0.match.methods.0"]],
  ["{ match: { scope: [a] }, to: v2 }", ["error SLV2003 0.match.scope"]],
  ["{ match: { headers: {} }, to: v2 }, { to: v1 }", ["warning SLV3012 1"]],
  ["{ match: { path: /v2/* }, to: v2 }, { to: v1 }", []],
  ["{ match: { scopes: [a] }, to: v2 }, { to: v1 }", []],
])("%s", (rules, expected) => {
  expect(codes(rules)).toEqual(expected);
});

test("explain decides by the path that the service gets, and says what it cannot know", () => {
  const text = (rules: string): string | undefined => {
    const request = { method: "GET", host: "localhost", path: "/r/1", query: "", headers: [] };
    const { steps } = explain(planOf(rules), { ...request, credential: { kind: "none" } }, 0);
    return steps.find(({ stage }) => stage === "traffic")?.text;
  };
  expect(text("{ match: { path: /v2/*, methods: [GET] }, to: v2 }")).toBe(
    "100 % to subset v2 (rule 1: path /v2/*, GET)",
  );
  expect(text("{ match: { path: /r/* }, to: v2 }, { to: v1 }")).toBe("100 % to subset v1 (rule 2: every request)");
  expect(text("{ match: { claims: { tctx.route: r } }, to: v2 }")).toMatch(/^100 % to subset v2/);
  expect(text("{ match: { claims: { tctx.plan: gold } }, to: v2 }")).toMatch(
    /no traffic rule matches; tctx.plan of the token is not known here/,
  );
});
