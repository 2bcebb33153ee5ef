/** Spans of agents at a receiver that holds them to OTLP's messages: whose child is whose, what failed, what is kept. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import { OtlpReceiver, treeOf } from "../support/otlp-receiver.ts";
import { until } from "./support/agents.ts";
import { MeshWorld } from "./support/mesh-world.ts";
import { plain } from "./support/raw-app.ts";

let receiver: OtlpReceiver;
let world: MeshWorld;

const settings = (change: Partial<NonNullable<TelemetrySettings["traces"]>> = {}): TelemetrySettings => ({
  otlp: { endpoint: receiver.url, headers: { "x-tenant": "t1" }, compression: "gzip", timeoutMs: 5_000 },
  resource: { "service.namespace": "shop" },
  traces: { ratio: 0, errors: true, ...change },
});

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  world = await MeshWorld.start(2, (control) => {
    control.telemetry = settings();
  });
}, 60_000);

afterAll(async () => {
  await world.end();
  await receiver.close();
});

let traces = 0;
const newTrace = (flags: string): { id: string; fields: Record<string, string> } => {
  const id = (++traces).toString(16).padStart(32, "a");
  return { id, fields: { traceparent: `00-${id}-00f067aa0ba902b7-${flags}` } };
};

const shown = (id: string): string[] =>
  treeOf(receiver.of(id), ({ resource, kind, name, attributes, failed }) =>
    [
      `${resource["service.name"]} ${kind} ${name}`,
      attributes["http.response.status_code"] ?? "-",
      ...(attributes["http.request.resend_count"] === undefined
        ? []
        : [`again ${attributes["http.request.resend_count"]}`]),
      ...(failed ? [`failed ${attributes["error.type"]}`] : []),
    ].join(" "),
  );

test("a sampled call is a part, an attempt below it, and a request below that", async () => {
  await world.use([world.endpoint(0)]);
  const { id, fields } = newTrace("01");
  expect((await world.call("sampled?secret=1", "GET", fields)).status).toBe(200);
  await until("its spans are here", () => receiver.of(id).length >= 3);
  expect(shown(id)).toEqual([
    "caller internal GET callee 200",
    "  caller client GET callee 200",
    "    callee server GET 200",
  ]);
  const [outer] = receiver.of(id).filter(({ kind }) => kind === "internal");
  expect(outer).toMatchObject({ parentId: "00f067aa0ba902b7", failed: false });
  expect(outer?.resource).toMatchObject({ "service.namespace": "shop", "service.instance.id": "caller-1" });
  expect(JSON.stringify(receiver.of(id), (_, value) => (typeof value === "bigint" ? 0 : value))).not.toContain(
    "secret",
  );
  expect(receiver.received[0]).toMatchObject({
    path: "/v1/traces",
    headers: { "x-tenant": "t1", "content-encoding": "gzip" },
  });
});

test("a call that is not sampled leaves nothing", async () => {
  const [quiet, after] = [newTrace("00"), newTrace("01")];
  expect((await world.call("quiet", "GET", quiet.fields)).status).toBe(200);
  expect((await world.call("after", "GET", after.fields)).status).toBe(200);
  await until("the next call's spans are here", () => receiver.of(after.id).length >= 3);
  expect(receiver.of(quiet.id)).toEqual([]);
});

test("of a call that failed and was retried both attempts are there, and what they met", async () => {
  await world.use([world.endpoint(0), world.endpoint(1)], { retries: { attempts: 2, on: ["5xx"] } });
  world.instance(0).app.behave = plain(503);
  world.instance(1).app.behave = plain(503);
  const { id, fields } = newTrace("00");
  const call = world.call("failed", "GET", fields);
  await until("one attempt was made", () => world.executions("failed", "GET") > 0);
  for (const { app } of world.instances) app.behave = plain(200);
  expect((await call).status).toBe(200);
  await until("its spans are here", () => receiver.of(id).length >= 5);
  expect(shown(id)).toEqual([
    "caller internal GET callee 200",
    "  caller client GET callee 503 failed 503",
    "    callee server GET 503 failed 503",
    "  caller client GET callee 200 again 1",
    "    callee server GET 200",
  ]);
  expect(receiver.of(id).filter(({ attributes }) => attributes["selvage.sampled_by"] === "error")).toHaveLength(2);
});

test("what takes longer than `slow` is kept by the hop that sees it, and what does not is not", async () => {
  world.control.telemetry = settings({ slowMs: 400 });
  await world.use([world.endpoint(0)]);
  const slow = newTrace("00");
  world.instance(0).app.behave = (...request) => setTimeout(() => plain(200)(...request), 500);
  await until("a slow call is kept", async () => {
    await world.call("slow", "GET", slow.fields);
    return receiver.of(slow.id).length >= 2;
  });
  expect(shown(slow.id).slice(0, 2)).toEqual(["caller internal GET callee 200", "  caller client GET callee 200"]);
  for (const { attributes, failed, resource } of receiver.of(slow.id)) {
    expect([resource["service.name"], failed]).toEqual(["caller", false]);
    if (attributes["selvage.hop"] !== undefined) expect(attributes["selvage.sampled_by"]).toBe("slow");
  }
  world.instance(0).app.behave = plain(200);
  const [quick, after] = [newTrace("00"), newTrace("01")];
  expect((await world.call("quick", "GET", quick.fields)).status).toBe(200);
  expect((await world.call("after", "GET", after.fields)).status).toBe(200);
  await until("the next call's spans are here", () => receiver.of(after.id).length >= 3);
  expect(receiver.of(quick.id)).toEqual([]);
});

test("nothing was sent that OTLP does not know", () => {
  expect(receiver.faults).toEqual([]);
});
