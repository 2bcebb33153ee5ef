import { expect, test } from "vitest";
import type { RequestCase } from "../../../cli/cases/case-schema.ts";
import { judgeCall, judgeDryRun, judgeLive } from "../../../cli/cases/judge.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const SOURCE = `
selvage: 1
name: shop
gateway:
  hosts: [api.example]
  identity: { partners: { apiKey: { header: x-api-key } } }
  routes:
    - name: orders
      match: { path: /v1/orders/* }
      auth: { any: [partners], scopes: ["orders:read"] }
      transform: { request: { headers: { set: { x-from: edge }, remove: [x-debug] } } }
      rewrite: /orders/*
      to: orders
    - { name: open, match: { path: /open }, to: "http://127.0.0.1:9" }
mesh:
  trustDomain: shop.internal
  services:
    orders: { port: 80, access: [{ from: gateway, methods: [GET] }] }
    users: { port: 81, access: [{ from: orders, paths: [/users/*], scopes: ["users:read"] }] }
`;
const { document, problems } = loadDocument(SOURCE, "selvage.yaml", () => undefined);
if (document === undefined) throw new Error(JSON.stringify(problems));
const plan = compile(document);

function judged(wanted: RequestCase["expect"], request: { method?: string; as?: boolean; path?: string } = {}) {
  const { method = "GET", as = true, path = "/v1/orders/7" } = request;
  const credential = as
    ? ({ kind: "assumed", sub: "ann", scopes: ["orders:read"] } as const)
    : ({ kind: "none" } as const);
  const headers = [["x-debug", "1"] as const, ["authorization", "Basic c2VjcmV0"] as const];
  const asked = { method, host: "api.example", path, query: "?a=1", headers, credential };
  return judgeDryRun({ name: "one", request: { url: path }, expect: wanted }, explain(plan, asked, 0));
}

const paths = (found: ReturnType<typeof judged>): string[] => found.mismatches.map(({ path }) => path.join("."));

test("what is expected and comes true is no mismatch", () => {
  const wanted = {
    outcome: "forward",
    route: "orders",
    upstream: {
      to: "service orders",
      method: "GET",
      path: "/orders/7?a=1",
      headers: { "X-From": "edge", "x-debug": null },
    },
    access: { orders: "allow" },
    steps: { auth: "pass", scopes: "pass" },
  } as const;
  expect(judged(wanted)).toEqual({ mismatches: [], unjudged: [] });
});

test("each expectation that does not come true is told with what was seen", () => {
  const wanted = {
    outcome: "refuse",
    route: null,
    upstream: { to: "service users", headers: { "x-from": null, "x-new": "1" } },
    access: { orders: "deny", users: "allow" },
    steps: { scopes: "deny" },
  } as const;
  const found = judged(wanted);
  expect(found.mismatches.map(({ path, expected, seen }) => [path.join("."), expected, seen])).toEqual([
    ["expect.outcome", "refuse", "forward"],
    ["expect.route", "nothing", "orders"],
    ["expect.upstream.to", "service users", "service orders"],
    ["expect.upstream.headers.x-from", "nothing", "edge"],
    ["expect.upstream.headers.x-new", "1", "nothing"],
    ["expect.access.orders", "deny", "allow"],
    ["expect.access.users", "allow", "nothing"],
    ["expect.steps.scopes", "deny", "pass"],
  ]);
});

test("who denies and why", () => {
  const denied = { by: "auth", code: "credentials_missing", reason: "partners" } as const;
  expect(judged({ status: 401, denied }, { as: false }).mismatches).toEqual([]);
  expect(
    paths(judged({ status: 403, denied: { by: "scopes", code: "scope_missing", reason: "moon" } }, { as: false })),
  ).toEqual(["expect.status", "expect.denied.by", "expect.denied.code", "expect.denied.reason"]);
  // By the mesh, behind the gateway.
  const inside = judged(
    { access: { orders: "deny" }, denied: { by: "access", code: "access_denied" } },
    { method: "POST" },
  );
  expect(inside.mismatches).toEqual([]);
  expect(inside.denial).toMatchObject({ stage: "access" });
});

test("the status of what goes on is the upstream's: not judged, unless Selvage alone would answer so", () => {
  expect(judged({ status: 200 })).toEqual({ mismatches: [], unjudged: ["status"] });
  expect(paths(judged({ status: 429 }))).toEqual(["expect.status"]);
  expect(judged({ headers: { a: "1" }, body: "x" }).unjudged).toEqual(["headers", "body"]);
});

test("credentials that go on are not shown", () => {
  const found = judged({ upstream: { headers: { authorization: "Basic x" } } }, { path: "/open" });
  expect(JSON.stringify(found)).not.toContain("c2VjcmV0");
  expect(found.mismatches).toHaveLength(1);
});

test("calls in the mesh", () => {
  const call = { from: "orders", to: "users", path: "/users/7", scopes: ["users:read"] };
  const judge = (more: object, access: "allow" | "deny", reason?: string) =>
    judgeCall({ name: "call", call: { ...call, ...more }, expect: { access, ...(reason && { reason }) } }, plan)
      .mismatches;
  expect(judge({}, "allow")).toEqual([]);
  expect(judge({}, "deny")).toEqual([{ path: ["expect", "access"], expected: "deny", seen: "allow" }]);
  expect(judge({ scopes: [] }, "deny")).toEqual([]);
  expect(judge({ from: "gateway" }, "deny", "gateway")).toEqual([]);
  expect(judge({ path: "/other" }, "deny", "moon")).toHaveLength(1);
});

test("answers of a gateway", () => {
  const problem = {
    status: 429,
    headers: { "content-type": "application/problem+json" },
    body: '{"code":"limit_exceeded"}',
  };
  const judge = (wanted: RequestCase["expect"], answer = problem) =>
    judgeLive({ name: "one", request: { url: "/" }, expect: wanted }, answer);
  expect(judge({ status: 429, outcome: "refuse", denied: { code: "limit_exceeded" } }).mismatches).toEqual([]);
  expect(judge({ outcome: "forward" }).mismatches[0]).toMatchObject({ seen: "refuse (limit_exceeded)" });
  const plain = { status: 200, headers: { "content-type": "text/plain", etag: "x" }, body: "hello there" };
  expect(judge({ status: 200, headers: { ETag: "x", vary: null }, body: "hello" }, plain).mismatches).toEqual([]);
  const other = judge({ status: 201, outcome: "refuse", headers: { etag: null, vary: "a" }, body: "bye" }, plain);
  expect(paths(other)).toEqual([
    "expect.status",
    "expect.headers.etag",
    "expect.headers.vary",
    "expect.body",
    "expect.outcome",
  ]);
  expect(judge({ route: "orders", denied: { by: "auth" } }, plain).unjudged).toEqual(["denied", "route"]);
  // An upstream's own problem is no refusal of Selvage.
  expect(judge({ outcome: "forward" }, { ...problem, body: '{"code":"out_of_stock"}' }).mismatches).toEqual([]);
});
