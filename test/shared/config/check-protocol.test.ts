import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";

const load = (keys: string, route = "{ name: r, match: { path: /r }, to: 'https://x.example' }", cors = "") =>
  loadDocument(
    `selvage: 1
name: a
gateway: { ${cors} hosts: [localhost], routes: [${route}] }
mesh:
  trustDomain: a.internal
  services: { orders: { port: 1, access: [{ from: gateway }], ${keys} } }
`,
    "f",
    () => undefined,
  );
const codes = (keys: string, route?: string, cors?: string): string[] =>
  load(keys, route, cors).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(1).join(".")}`);
const planOf = (keys: string) => {
  const { document, problems } = load(keys);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const IN = "services.orders";

test("gRPC has no time of its own, streams that may stand still, and words of its own", () => {
  expect(planOf("protocol: grpc").mesh.services.orders).toMatchObject({
    protocol: "grpc",
    timeoutMs: 0,
    streamIdleMs: 0,
    retries: { on: ["connect-failure", "reset", "unavailable"] },
  });
});

test("what the document says instead", () => {
  const retries = "retries: { attempts: 2, on: [internal], idempotent: ['/b.B/*', '/a.A/Get', '/b.B/*'] }";
  expect(planOf(`protocol: grpc, timeout: 10s, streamIdle: 5m, ${retries}`).mesh.services.orders).toMatchObject({
    timeoutMs: 10_000,
    streamIdleMs: 300_000,
    retries: { on: ["internal"], idempotent: ["/a.A/Get", "/b.B/*"] },
  });
  expect(planOf("streamIdle: off, retries: { attempts: 2, idempotent: false }").mesh.services.orders).toMatchObject({
    streamIdleMs: 0,
    timeoutMs: 15_000,
  });
});

test("HTTP is as it was: nothing is added to its plan", () => {
  const service = planOf("protocol: http2").mesh.services.orders;
  expect(service).not.toHaveProperty("streamIdleMs");
  expect(service?.retries).not.toHaveProperty("idempotent");
});

test("callers and the service's own agent are told", () => {
  const plan = planOf("protocol: grpc");
  expect(agentPlan(plan, "orders")?.inbound).toMatchObject({ protocol: "grpc", streamIdleMs: 0 });
  expect(agentPlan(plan, "gateway")?.outbound.orders).toMatchObject({ protocol: "grpc", streamIdleMs: 0 });
});

test.each([
  ["protocol: gprc", ["error SLV2001 services.orders.protocol"]],
  ["streamIdle: 1ms", ["error SLV2001 services.orders.streamIdle"]],
  ["streamIdle: never", ["error SLV2001 services.orders.streamIdle"]],
  ["retries: { attempts: 2, on: [unavailable, reset] }", [`warning SLV3050 ${IN}.retries.on.0`]],
  ["protocol: grpc, retries: { attempts: 2, on: [unavailable] }", [`warning SLV3051 ${IN}.retries.on`]],
  ["protocol: grpc, retries: { attempts: 2, on: [unavailable], idempotent: true }", []],
  ["protocol: grpc, retries: { attempts: 1 }", []],
  ["protocol: grpc, subsets: { v: {} }, mirror: [{ to: v }]", [`warning SLV3053 ${IN}.mirror.0`]],
  ["protocol: grpc, subsets: { v: {} }, mirror: [{ to: v, match: { methods: [POST] } }]", []],
  [
    "protocol: grpc, subsets: { v: {} }, traffic: [{ to: v, match: { methods: [GET] } }]",
    [`warning SLV3053 ${IN}.traffic.0.match.methods`],
  ],
])("%s", (keys, expected) => {
  expect(codes(keys)).toEqual(expected);
});

const SERVED = "methods: [POST]";
test.each<[what: string, route: string, expected: string[], cors?: string, service?: string]>([
  ["a route that takes calls", `match: { path: /a.B/*, ${SERVED} }, to: orders`, []],
  ["one without methods", "match: { path: /a.B/* }, to: orders", []],
  ["one for GET", "match: { path: /r, methods: [GET] }, to: orders", ["warning SLV3160 routes.0.match.methods"]],
  [
    "another method on the way",
    "match: { path: /r }, to: orders, transform: { request: { method: PUT } }",
    ["error SLV3161 routes.0.transform.request.method"],
  ],
  [
    "edits of JSON",
    "match: { path: /r }, to: orders, transform: { request: { json: { wrap: a } }, response: [{ json: { pick: [/a] } }] }",
    ["warning SLV3162 routes.0.transform.request.json", "warning SLV3162 routes.0.transform.response.0.json"],
  ],
  [
    "JSON alone",
    "match: { path: /r }, to: orders, transform: { request: { json: { wrap: a, others: refuse } } }",
    ["error SLV3161 routes.0.transform.request.json"],
  ],
  [
    "translations of bodies",
    "match: { path: /r }, to: orders, transform: { request: { body: { from: json, to: xml } }, response: { body: { from: xml, to: json } } }",
    ["error SLV3161 routes.0.transform.request.body", "warning SLV3162 routes.0.transform.response.body"],
  ],
  [
    "a contract of HTTP",
    "match: { path: /r }, to: orders, validate: { contract: c }",
    ["warning SLV3161 routes.0.validate", "error SLV3140 routes.0.validate.contract"],
  ],
  [
    "a contract in shadow",
    "match: { path: /r }, to: orders, validate: { contract: c, requests: shadow }",
    ["error SLV3140 routes.0.validate.contract"],
  ],
  [
    "CORS without POST, and with a list that browsers need more than",
    "match: { path: /r }, to: orders",
    ["warning SLV3163 cors.methods", "warning SLV3163 cors.allowHeaders"],
    "cors: { origins: ['https://a.example'], methods: [GET], allowHeaders: [Content-Type] },",
  ],
  [
    "CORS with all of it",
    "match: { path: /r }, to: orders",
    [],
    "cors: { origins: ['https://a.example'], methods: [POST], allowHeaders: [Content-Type, X-Grpc-Web] },",
  ],
  [
    "a part of an aggregate",
    'match: { path: /r }, aggregate: { one: { get: "orders:/x" } }',
    ["warning SLV3052 routes.0.aggregate.one.get"],
  ],
  [
    "a service by HTTP",
    "match: { path: /r, methods: [GET] }, to: orders, transform: { request: { json: { wrap: a } } }",
    [],
    "",
    "protocol: http2",
  ],
  [
    "an exposed service",
    "match: { path: /r }, to: 'https://x.example'",
    [`warning SLV3160 ${IN}.expose.routes.0.match.methods`],
    "",
    "protocol: grpc, expose: { hosts: [a.example], routes: [{ name: e, match: { path: /e, methods: [GET] } }] }",
  ],
])("routes to gRPC: %s", (_what, route, expected, cors = "", service = "protocol: grpc") => {
  expect(codes(service, `{ name: r, ${route} }`, cors)).toEqual(expected);
});
