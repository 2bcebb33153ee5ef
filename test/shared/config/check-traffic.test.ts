import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (rules: string, key = "traffic") =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes: [{ name: r, match: { path: /r/* }, to: orders, rewrite: /v2/* }]
mesh:
  trustDomain: a.internal
  services:
    orders: { port: 1, access: [{ from: gateway }], subsets: { v1: { v: "1" }, v2: { v: "2" } }, ${key}: [${rules}] }
`,
    "f",
    () => undefined,
  );
const codes = (rules: string, key?: string): string[] =>
  load(rules, key).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(4).join(".")}`);
const planOf = (rules: string, key?: string) => {
  const { document, problems } = load(rules, key);
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

test("explain decides by the path and the token that the service gets", () => {
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
  // The token has what the route's `context` puts there, and nothing else.
  expect(text("{ match: { claims: { tctx.plan: gold } }, to: v2 }")).toBe(
    "every instance alike (no traffic rule matches)",
  );
});

const UNTIL = 'until: "2026-01-31T12:00:00Z"';

test("faults, compiled", () => {
  const fault = `{ match: { path: /v2/* }, ${UNTIL}, delay: { percent: 10, time: 2s }, abort: { percent: 5.5, status: 503 }, slowBody: { percent: 1, bytesPerSecond: 64KiB } }`;
  expect(planOf(fault, "faults").mesh.services.orders?.faults).toEqual([
    {
      headers: {},
      path: "/v2/*",
      untilMs: Date.UTC(2026, 0, 31, 12),
      delay: { percent: 10, delayMs: 2_000 },
      abort: { percent: 5.5, status: 503 },
      slowBody: { percent: 1, bytesPerSecond: 65_536 },
    },
  ]);
  expect(planOf("", "faults").mesh.services.orders).not.toHaveProperty("faults");
});

test.each([
  ["{ reset: { percent: 1 } }", ["error SLV2002 0.until"]],
  [`{ ${UNTIL} }`, ["error SLV2002 0"]],
  [`{ ${UNTIL}, reset: { percent: 51 } }`, ["error SLV3009 0"]],
  [`{ ${UNTIL}, reset: { percent: 30 }, abort: { percent: 30, status: 500 } }`, ["error SLV3009 0"]],
  [`{ match: { headers: {} }, ${UNTIL}, reset: { percent: 51 } }`, ["error SLV3009 0"]],
  [`{ match: { headers: { x-test: "1" } }, ${UNTIL}, reset: { percent: 100 } }`, []],
  [`{ match: { path: /a }, ${UNTIL}, reset: { percent: 60 }, delay: { percent: 60, time: 1s } }`, ["error SLV3009 0"]],
  [`{ ${UNTIL}, reset: { percent: 1 } }, { ${UNTIL}, reset: { percent: 1 } }`, ["warning SLV3012 1"]],
  [`{ until: "2026-02-31", reset: { percent: 1 } }`, ["error SLV2001 0.until"]],
  [`{ until: "2026-13-01T00:00:00Z", reset: { percent: 1 } }`, ["error SLV2001 0.until"]],
  [`{ ${UNTIL}, abort: { percent: 1, status: 200 } }`, ["error SLV2001 0.abort.status"]],
])("faults: %s", (rules, expected) => {
  expect(codes(rules, "faults")).toEqual(expected);
});

test("explain tells of a fault until it is over", () => {
  const fault = `{ ${UNTIL}, delay: { percent: 10, time: 2s }, reset: { percent: 5 } }`;
  const plan = planOf(fault, "faults");
  const texts = (nowMs: number): string[] => {
    const request = { method: "GET", host: "localhost", path: "/r/1", query: "", headers: [] };
    const { steps } = explain(plan, { ...request, credential: { kind: "none" } }, nowMs);
    return steps.filter(({ stage }) => stage === "faults").map(({ text }) => text);
  };
  expect(texts(0)).toEqual(["until 2026-01-31T12:00:00.000Z: 10 % wait 2s, 5 % are broken off"]);
  expect(texts(Date.UTC(2026, 0, 31, 12))).toEqual([]);
});

test("mirrors, compiled: methods that are not safe must be named", () => {
  const rules = "{ match: { path: /v2/* }, to: v2, percent: 10 }, { match: { methods: [POST] }, to: v1 }";
  expect(planOf(rules, "mirror").mesh.services.orders?.mirror).toEqual([
    { headers: {}, path: "/v2/*", methods: ["GET", "HEAD", "OPTIONS"], subset: "v2", percent: 10 },
    { headers: {}, methods: ["POST"], subset: "v1", percent: 100 },
  ]);
  const request = { method: "GET", host: "localhost", path: "/r/1", query: "", headers: [] };
  const { steps } = explain(planOf(rules, "mirror"), { ...request, credential: { kind: "none" } }, 0);
  expect(steps.find(({ stage }) => stage === "mirror")?.text).toBe(
    "10 % are also sent to subset v2, whose answers are dropped",
  );
});

test.each([
  ["{ to: v3 }", ["error SLV3003 0.to"]],
  ["{ match: {} }", ["error SLV2002 0.to"]],
  ["{ to: v1, percent: 0 }", ["error SLV2001 0.percent"]],
  ["{ split: { v1: 1 } }", ["error SLV2002 0.to", "error SLV2003 0.split"]],
])("mirror: %s", (rules, expected) => {
  expect(codes(rules, "mirror").sort()).toEqual(expected);
});
