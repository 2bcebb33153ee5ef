import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";

const documentOf = (telemetry: unknown) => ({
  selvage: 1,
  name: "shop",
  telemetry,
  gateway: { hosts: ["a.example"], routes: [{ name: "orders", match: { path: "/*" }, to: "orders" }] },
  mesh: { trustDomain: "shop.internal", services: { orders: { port: 8080, access: [{ from: "gateway" }] } } },
});
const endpoint = "https://otel.example";
const codes = (telemetry: unknown) =>
  checkDocument(documentOf(telemetry)).problems.map(({ code, path }) => `${code} ${path.join(".")}`);

test.each([
  ["nothing to tell", {}, ["SLV3205 telemetry"]],
  ["a receiver, and nothing for it", { otlp: { endpoint } }, ["SLV3205 telemetry"]],
  ["no receiver", { traces: {} }, ["SLV3206 telemetry.traces"]],
  ["no receiver of what comes first", { logs: {}, metrics: {} }, ["SLV3206 telemetry.metrics"]],
  ["times for clients", { serverTiming: true }, []],
  ["times that are not told", { serverTiming: false }, ["SLV3205 telemetry"]],
  ["a receiver beside times alone", { otlp: { endpoint }, serverTiming: true }, ["SLV3205 telemetry.otlp"]],
  ["each signal alone", { otlp: { endpoint }, metrics: {} }, []],
  [
    "logs of no request",
    { otlp: { endpoint }, logs: { sample: "0%", errors: "sampled" } },
    ["SLV3201 telemetry.logs.sample"],
  ],
  ["logs of failures alone", { otlp: { endpoint }, logs: { sample: "0%" } }, []],
  ["metrics too often", { otlp: { endpoint }, metrics: { every: "10ms" } }, ["SLV2001 telemetry.metrics.every"]],
  [
    "nothing that is ever kept",
    { otlp: { endpoint }, traces: { sample: "0%", errors: "sampled" } },
    ["SLV3207 telemetry.traces.sample"],
  ],
  ["a signal's path", { otlp: { endpoint: `${endpoint}/v1/traces` }, traces: {} }, ["SLV3208 telemetry.otlp.endpoint"]],
  ["a query", { otlp: { endpoint: `${endpoint}/?a=b` }, traces: {} }, ["SLV3208 telemetry.otlp.endpoint"]],
  ["no TLS", { otlp: { endpoint: "http://otel.example" }, traces: {} }, ["SLV3014 telemetry.otlp.endpoint"]],
  [
    "credentials in the URL",
    { otlp: { endpoint: "https://a:b@otel.example" }, traces: {} },
    ["SLV2001 telemetry.otlp.endpoint"],
  ],
  [
    "the exporter's own field",
    { otlp: { endpoint, headers: { "Content-Type": "text/plain" } }, traces: {} },
    ["SLV3209 telemetry.otlp.headers.Content-Type"],
  ],
  [
    "a credential in the document",
    { otlp: { endpoint, headers: { "X-Api-Key": "abc" } }, traces: {} },
    ["SLV3211 telemetry.otlp.headers.X-Api-Key"],
  ],
  [
    "a process's own attribute",
    { otlp: { endpoint }, resource: { "service.name": "x" }, traces: {} },
    ["SLV3210 telemetry.resource.service.name"],
  ],
  ["records alone", { records: "off" }, []],
  [
    "records with all of it",
    { records: { perRoute: 10, keep: "7d", hide: { headers: ["X-A"], query: [], claims: ["b"] } } },
    [],
  ],
  ["a receiver beside records alone", { otlp: { endpoint }, records: "off" }, ["SLV3205 telemetry.otlp"]],
  ["records for ever", { records: { keep: "30d" } }, ["SLV2001 telemetry.records.keep"]],
  ["records by another word", { records: "on" }, ["SLV2001 telemetry.records"]],
  ["an unknown word", { otlp: { endpoint }, traces: { ratio: 1 } }, ["SLV2003 telemetry.traces.ratio"]],
  ["a number for a share", { otlp: { endpoint }, traces: { sample: 5 } }, ["SLV2001 telemetry.traces.sample"]],
  ["a share above all", { otlp: { endpoint }, traces: { sample: "101%" } }, ["SLV2001 telemetry.traces.sample"]],
  [
    "a name of an attribute",
    { otlp: { endpoint }, resource: { "a b": "x" }, traces: {} },
    ["SLV2004 telemetry.resource.a b"],
  ],
])("%s", (_, telemetry, found) => {
  expect(codes(telemetry)).toEqual(found);
});

test("a secret may stand in its fields", () => {
  const telemetry = { otlp: { endpoint, headers: { authorization: "Bearer ${secret:OTLP}" } }, traces: {} };
  expect(codes(telemetry)).toEqual([]);
  const missing = checkDocument(documentOf(telemetry), { has: () => false }).problems;
  expect(missing.map(({ code }) => code)).toEqual(["SLV4001"]);
});

test("gateway and agents get the same settings, with every default", () => {
  const telemetry = {
    otlp: { endpoint: `${endpoint}/base/`, headers: { "X-Tenant": "t" } },
    resource: { team: "a" },
    traces: { slow: "500ms" },
    metrics: {},
    logs: {},
    serverTiming: true,
  };
  const plan = compile(checkDocument(documentOf(telemetry)).document as Document);
  const settings = {
    otlp: { endpoint: `${endpoint}/base`, headers: { "x-tenant": "t" }, timeoutMs: 10_000 },
    resource: { "service.namespace": "shop", team: "a" },
    traces: { ratio: 0.01, errors: true, slowMs: 500 },
    metrics: { everyMs: 60_000 },
    logs: { ratio: 0.01, failures: true },
    serverTiming: true,
  };
  expect(plan.gateway.telemetry).toEqual(settings);
  expect(agentPlan(plan, "orders")?.telemetry).toEqual(settings);
  expect(agentPlan(plan, "gateway")?.telemetry).toEqual(settings);
});

test("without it nothing is in any plan", () => {
  const { telemetry: _, ...rest } = documentOf({});
  const plan = compile(checkDocument(rest).document as Document);
  expect(JSON.stringify([plan, agentPlan(plan, "orders")])).not.toContain("telemetry");
});

test("what is said of records is in the plans of the gateway and of agents, and what is not is as usual", () => {
  const planOf = (records: unknown) => compile(checkDocument(documentOf({ records })).document as Document);
  const off = planOf("off");
  expect([off.gateway.telemetry?.records, off.mesh.telemetry?.records]).toEqual(["off", "off"]);
  expect(planOf({}).gateway.telemetry?.records).toEqual({ perRoute: 200, keepMs: 86_400_000 });
  expect(planOf({ keep: "1h", hide: { query: ["B", "a"] } }).gateway.telemetry?.records).toEqual({
    ...{ perRoute: 200, keepMs: 3_600_000, hide: { query: ["a", "b"] } },
  });
});
