/** Metrics and log records of agents at a receiver that holds them to OTLP's messages. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import type { ReadLog, ReadPoint } from "../support/read-otlp.ts";
import { until } from "./support/agents.ts";
import { MeshWorld } from "./support/mesh-world.ts";
import { plain } from "./support/raw-app.ts";

const PARENT = "00f067aa0ba902b7";
const DURATION = "http.client.request.duration";

let receiver: OtlpReceiver;
let world: MeshWorld;

const settings = (logs: TelemetrySettings["logs"] = { ratio: 0, failures: true }): TelemetrySettings => ({
  otlp: { endpoint: receiver.url, headers: {}, timeoutMs: 5_000 },
  resource: { "service.namespace": "shop" },
  traces: { ratio: 0, errors: true },
  metrics: { everyMs: 1_000 },
  ...(logs !== undefined && { logs }),
});

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  world = await MeshWorld.start(1, (control) => {
    control.telemetry = settings();
  });
  await world.use([world.endpoint(0)]);
}, 60_000);

afterAll(async () => {
  await world.end();
  await receiver.close();
});

const pointsOf = (service: string, name: string): ReadPoint[] =>
  receiver.points.filter((point) => point.name === name && point.resource["service.name"] === service);
const logsOf = (traceId: string): ReadLog[] => receiver.logs.filter((log) => log.traceId === traceId);
const ask = (name: string, traceId: string, flags = "00") =>
  world.call(name, "GET", { traceparent: `00-${traceId}-${PARENT}-${flags}` });

test("metrics are sums since the start, by the names of the conventions where they have them", async () => {
  const before = Date.now();
  expect((await ask("counted?secret=1", "1".repeat(32))).status).toBe(200);
  const counted = (): ReadPoint | undefined => pointsOf("caller", DURATION).at(-1);
  await until("the call is told", () => (counted()?.value ?? 0) >= 1);
  const point = counted();
  expect(point).toMatchObject({
    ...{ kind: "histogram", unit: "s", attributes: { "selvage.hop": "outbound", "selvage.peer": "callee" } },
    resource: { "service.namespace": "shop", "service.instance.id": "caller-1" },
  });
  expect(point?.bounds).toContain(0.25);
  expect(point?.sum).toBeGreaterThan(0);
  // It began with the agent, not with the export before.
  expect(point?.start).toBe(pointsOf("caller", DURATION)[0]?.start);
  expect(Number((point?.start ?? 0n) / 1_000_000n)).toBeLessThan(before);
  const [total] = pointsOf("caller", "selvage_requests_total").slice(-1);
  expect(total).toMatchObject({ kind: "sum", attributes: { direction: "outbound", service: "callee", status: "2xx" } });
  expect(pointsOf("caller", "selvage_plan_version").at(-1)).toMatchObject({ kind: "gauge", start: 0n });
  const served = (): ReadPoint | undefined => pointsOf("callee", "http.server.request.duration").at(-1);
  await until("the other agent tells it, too", () => served() !== undefined);
  expect(served()).toMatchObject({
    attributes: { "selvage.hop": "inbound", "selvage.peer": "caller" },
  });
  // They are not told twice, by two names.
  expect(receiver.points.filter(({ name }) => name === "selvage_request_duration_seconds")).toEqual([]);
});

test("a request whose spans are kept is the exemplar of its bucket, once, and no other is", async () => {
  const [kept, other] = ["2".repeat(32), "3".repeat(32)];
  await ask("kept", kept, "01");
  const told = () => pointsOf("caller", DURATION).flatMap(({ exemplars = [] }) => exemplars);
  await until("it is told", () => told().length > 0);
  await ask("other", other);
  const reads = pointsOf("caller", DURATION).length;
  await until("the next metrics are here", () => pointsOf("caller", DURATION).length > reads + 1);
  expect(told().map(({ traceId }) => traceId)).toEqual([kept]);
  await until("its spans are here", () => receiver.of(kept).length >= 3);
  const [outer] = receiver.of(kept).filter(({ kind }) => kind === "internal");
  expect(told()[0]).toMatchObject({ spanId: outer?.spanId, value: expect.any(Number) });
  const { admin } = world.caller.runtime.ports;
  const open = { accept: "application/openmetrics-text" };
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`, { headers: open })).text();
  expect(text).toContain(` # {trace_id="${kept}",span_id="${outer?.spanId}"} ${told()[0]?.value} `);
  expect(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()).not.toContain(kept);
});

test("a request that failed is a record of both agents, without its query and whoever asked", async () => {
  const [failed, well] = ["4".repeat(32), "5".repeat(32)];
  world.instance(0).app.behave = plain(500);
  await ask("broken?secret=1", failed);
  world.instance(0).app.behave = plain(200);
  await ask("well", well);
  await until("both have told it", () => logsOf(failed).length >= 2);
  const hops = logsOf(failed).sort((a, b) =>
    String(a.attributes["selvage.hop"]).localeCompare(String(b.attributes["selvage.hop"])),
  );
  expect(hops.map(({ severity, event, attributes }) => [severity, event, attributes["selvage.hop"]])).toEqual([
    ["ERROR", "selvage.request", "inbound"],
    ["ERROR", "selvage.request", "outbound"],
  ]);
  const [inbound] = hops;
  expect(inbound).toMatchObject({
    body: "GET /broken 500",
    resource: { "service.name": "callee" },
    attributes: { "http.request.method": "GET", "url.path": "/broken", "http.response.status_code": 500 },
  });
  expect(receiver.of(failed).map(({ spanId }) => spanId)).toContain(inbound?.spanId);
  expect(Object.keys(inbound?.attributes ?? {})).not.toContain("enduser.id");
  expect(JSON.stringify(receiver.logs.map(({ attributes, body }) => [attributes, body]))).not.toContain("secret");
  expect(logsOf(well)).toEqual([]);
});

test("of those that went well it is the share of their traces", async () => {
  world.control.telemetry = settings({ ratio: 0.5, failures: true });
  world.control.setPlan("callee", {});
  await world.use([world.endpoint(0)]);
  const [chosen, other] = ["f".repeat(32), "6".repeat(32)];
  await until("one of the share is told by both", async () => {
    await ask("chosen", chosen);
    return new Set(logsOf(chosen).map(({ resource }) => resource["service.name"])).size === 2;
  });
  await ask("other", other);
  const before = logsOf(chosen).length;
  await ask("chosen", chosen);
  await until("the one after it is told", () => logsOf(chosen).length >= before + 2);
  expect(logsOf(chosen)[0]).toMatchObject({ severity: "INFO" });
  expect(logsOf(other)).toEqual([]);
});

test("an agent's own troubles are told, what goes well is not", async () => {
  await world.control.close();
  await world.control.open();
  await until("it is told", () => receiver.logs.some(({ event }) => event === "selvage.agent.control_lost"));
  const [lost] = receiver.logs.filter(({ event }) => event === "selvage.agent.control_lost");
  expect(lost).toMatchObject({
    severity: "WARN",
    traceId: "",
    body: expect.stringContaining("the control plane is away"),
  });
  expect(receiver.logs.map(({ event }) => event)).not.toContain("selvage.agent.control_connected");
});

test("nothing was sent that OTLP does not know", () => {
  expect(receiver.faults).toEqual([]);
});
