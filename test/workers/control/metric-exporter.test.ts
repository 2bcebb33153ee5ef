/** Metrics of gateways and of the fleet, as the receiver of the live document gets them. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { metricsText } from "../../../shared/http/metrics-text.ts";
import { MAIN } from "../../../workers/control/objects/rpc.ts";
import { fleetMetrics } from "../../../workers/control/upstream/fleet-metrics.ts";
import { type ReadPoint, readMetrics } from "../../support/read-otlp.ts";
import { applyDocument, bindings, call, shop } from "./support.ts";

const RECEIVER = "https://telemetry.example";
const exporter = bindings.METRICS.getByName(MAIN);

let posts: Request[] = [];
let points: ReadPoint[] = [];
let status = 200;
let warnings: string[] = [];

beforeEach(() => {
  [posts, points, warnings, status] = [[], [], [], 200];
  vi.spyOn(console, "warn").mockImplementation((line: string) => void warnings.push(line));
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    posts.push(request);
    if (status === 200) points.push(...readMetrics(new Uint8Array(await request.clone().arrayBuffer())));
    return new Response(null, { status });
  });
});
afterEach(() => vi.restoreAllMocks());

const isSet = (): Promise<boolean> =>
  runInDurableObject(exporter, async (_, { storage }) => (await storage.getAlarm()) !== null);
const apply = async (telemetry?: object): Promise<void> => {
  const document = { ...shop(`${1_000 + Math.floor(Math.random() * 9_000)}ms`), ...(telemetry && { telemetry }) };
  expect((await applyDocument(document)).status).toBeLessThan(300);
};
const count = (isolate: string, seq: number, s2xx: number, exemplars: readonly unknown[] = []): Promise<unknown> =>
  call("POST", "/v1/gateway/lease", "gateway", {
    ...{ isolate, version: 0 },
    counted: {
      ...{ seq, exemplars },
      series: [{ kind: "usage", labels: ["orders", "acme", ""], counts: { s2xx, le8: s2xx, sumMs: 5 * s2xx } }],
    },
  });
const last = (name: string): ReadPoint | undefined => points.findLast((point) => point.name === name);

const otlp = { endpoint: RECEIVER, headers: { "x-tenant": "t1" } };

beforeAll(async () => {
  await count("isolate-1", 1, 2);
  await count("isolate-2", 1, 3);
});

test("nobody is told while the document has no metrics", async () => {
  await apply({ otlp, traces: {} });
  expect(await isSet()).toBe(false);
  expect(posts).toEqual([]);
});

test("sums of all isolates are told, by a resource of the gateway's, and the fleet's by another", async () => {
  await apply({ otlp, metrics: { every: "10s" }, resource: { region: "eu" } });
  expect(await runDurableObjectAlarm(exporter)).toBe(true);
  expect(posts.map(({ url, headers }) => [url, headers.get("x-tenant"), headers.get("content-type")])).toEqual(
    Array(2).fill([`${RECEIVER}/v1/metrics`, "t1", "application/x-protobuf"]),
  );
  const duration = last("http.server.request.duration");
  expect(duration).toMatchObject({
    ...{ kind: "histogram", unit: "s", value: 5, sum: 0.025, attributes: { "selvage.route": "orders" } },
    resource: { "service.name": "gateway", "service.namespace": "shop", region: "eu" },
  });
  expect(last("selvage_gateway_requests_total")).toMatchObject({
    attributes: { route: "orders", consumer: "acme", plan: "", status: "2xx" },
    value: 5,
  });
  expect(last("selvage_live_version")).toMatchObject({
    resource: { "service.name": "control-plane" },
    value: expect.any(Number),
  });
  expect(await isSet()).toBe(true);
  await count("isolate-1", 2, 4);
  await runDurableObjectAlarm(exporter);
  expect(last("http.server.request.duration")).toMatchObject({ value: 9, start: duration?.start });
});

test("of several isolates the latest kept request of a bucket is its exemplar", async () => {
  const atMs = Date.now();
  const exemplar = (digit: string, ms: number, ago = 0): object => ({
    ...{ route: "orders", traceId: digit.repeat(32), spanId: digit.repeat(16), ms, atMs: atMs - ago },
  });
  await count("isolate-1", 3, 1, [exemplar("1", 7, 10), exemplar("2", 700), exemplar("3", 7_000, 3_600_000)]);
  await count("isolate-2", 2, 1, [exemplar("4", 8)]);
  await runDurableObjectAlarm(exporter);
  // The third is from long ago, and was told then.
  expect(last("http.server.request.duration")?.exemplars).toEqual([
    { traceId: "4".repeat(32), spanId: "4".repeat(16), value: 0.008 },
    { traceId: "2".repeat(32), spanId: "2".repeat(16), value: 0.7 },
  ]);
  const text = metricsText((await fleetMetrics(bindings)).gateways, "openmetrics");
  expect(text).toMatch(
    new RegExp(
      `_bucket\\{route="orders",le="0.008"\\} \\d+ # \\{trace_id="4{32}",span_id="4{16}"\\} 0.008 ${(atMs / 1000).toFixed(3)}`,
    ),
  );
});

test("what is not taken is said, and told with the next", async () => {
  status = 503;
  await runDurableObjectAlarm(exporter);
  expect(warnings.map((line) => JSON.parse(line))).toEqual([
    { kind: "telemetry", signal: "metrics", reason: "the receiver answered 503" },
  ]);
  status = 200;
  expect(await runDurableObjectAlarm(exporter)).toBe(true);
  expect(last("http.server.request.duration")?.value).toBe(11);
});

test("a secret that the control plane does not have is said, and nothing is sent", async () => {
  await apply({ otlp: { ...otlp, headers: { authorization: "${secret:MISSING}" } }, metrics: {} });
  await runDurableObjectAlarm(exporter);
  expect(posts).toEqual([]);
  expect(await isSet()).toBe(true);
});

test("a document without them ends it", async () => {
  await apply();
  await runDurableObjectAlarm(exporter);
  expect(await isSet()).toBe(false);
  expect(posts).toEqual([]);
});
