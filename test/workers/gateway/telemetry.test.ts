/** Log records of the gateway, `Server-Timing`, and what spans tell of targets and parts. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { upstream } from "../../../shared/config/schema-upstreams.ts";
import { compileUpstream } from "../../../shared/plan/compile-upstreams.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import { leaseRequestSchema } from "../../../shared/wire/gateway-lease.ts";
import { type ReadLog, type ReadSpan, readLogs, readSpans } from "../../support/read-otlp.ts";
import { type Gateway, type Outside, startGateway } from "./support/gateway.ts";
import { limit, part, plan, route } from "./support/plans.ts";

const RECEIVER = "https://telemetry.example";
const PARENT = "00f067aa0ba902b7";

const retries = { attempts: 3, on: ["5xx" as const], backoff: { baseMs: 1, maxMs: 1 } };
const toOrigin = { kind: "forward", to: { origin: "http://origin.example" } } as const;
const routes = [
  route("origin", "/origin/*", { target: toOrigin }),
  route("limited", "/limited", { target: toOrigin, rateLimits: [limit("one", 1)] }),
  route("cached", "/cached/*", { target: toOrigin, cache: { ttlMs: 60_000 } }),
  route("pay", "/pay", { target: { kind: "forward", to: { upstream: "pay" } } }),
  route("both", "/both", {
    target: { kind: "aggregate", parts: [part("users", ["/users/1"], { retries })] } as never,
  }),
];
const pay = {
  targets: ["http://a.example", "http://b.example"],
  retries: { attempts: 2, on: ["5xx"], backoff: { base: "1ms" } },
  breaker: { consecutiveFailures: 1, ejectFor: "5s" },
};

let spans: ReadSpan[] = [];
let logs: ReadLog[] = [];
let faults: string[] = [];
let path = 0;

beforeEach(() => {
  [spans, logs, faults] = [[], [], []];
  path++;
});
afterEach(() => vi.restoreAllMocks());

function start(told: Partial<TelemetrySettings>, outside: Outside = () => new Response("ok")): Promise<Gateway> {
  const telemetry = { otlp: { endpoint: RECEIVER, headers: {}, timeoutMs: 1_000 }, resource: {}, ...told };
  const receive: Outside = async (request) => {
    if (!request.url.startsWith(RECEIVER)) return outside(request);
    const body = new Uint8Array(await request.arrayBuffer());
    if (request.url === `${RECEIVER}/v1/traces`) spans.push(...readSpans(body));
    else if (request.url === `${RECEIVER}/v1/logs`) logs.push(...readLogs(body));
    else faults.push(request.url);
    return new Response(null);
  };
  const upstreams = { pay: compileUpstream(upstream.parse(pay), "pay") };
  return startGateway(plan(routes, { telemetry, upstreams }), receive);
}

const ask = (gateway: Gateway, target: string, trace?: string, flags = "00"): Promise<Response> =>
  gateway.fetch(target, trace === undefined ? {} : { headers: { traceparent: `00-${trace}-${PARENT}-${flags}` } });

test("every request is a record when all are to be, with the ids of its line in the log", async () => {
  const gateway = await start({ logs: { ratio: 1, failures: true } });
  await ask(gateway, "/origin/7?token=hidden", "a".repeat(32));
  const [line] = gateway.logs.filter(({ kind }) => kind === "access");
  expect(logs).toMatchObject([
    {
      ...{ severity: "INFO", event: "selvage.request", body: "GET /origin/7 200" },
      ...{ traceId: "a".repeat(32), spanId: line?.spanId },
      resource: { "service.name": "gateway", "service.instance.id": line?.instance },
      attributes: { "selvage.hop": "gateway", "selvage.route": "origin", "selvage.plan.version": 1 },
    },
  ]);
  expect(logs[0]?.attributes).not.toHaveProperty("client.address");
  expect(JSON.stringify(logs.map(({ attributes }) => attributes))).not.toContain("hidden");
  await ask(gateway, "/limited");
  expect((await ask(gateway, "/limited")).status).toBe(429);
  expect(logs.at(-1)).toMatchObject({ severity: "WARN", attributes: { "error.type": "limit_exceeded" } });
  expect([spans, faults]).toEqual([[], []]);
});

test("of a share of none those that failed are told, and a client cannot choose by the trace's name", async () => {
  let status = 200;
  const gateway = await start({ logs: { ratio: 0.000_001, failures: true } }, () => new Response("x", { status }));
  await ask(gateway, "/origin/1", "f".repeat(32), "01");
  expect(logs).toEqual([]);
  status = 503;
  await ask(gateway, "/origin/2", "1".repeat(32));
  expect(logs.map(({ severity, traceId }) => [severity, traceId])).toEqual([["ERROR", "1".repeat(32)]]);
  const quiet = await start({ logs: { ratio: 0, failures: false } }, () => new Response("x", { status }));
  await ask(quiet, "/origin/3");
  expect(logs).toHaveLength(1);
});

test("a client that is trusted with its trace is told of by the share of its id", async () => {
  const traces = { ratio: 0, errors: false, trustClients: true } as const;
  const gateway = await start({ logs: { ratio: 0.000_001, failures: true }, traces });
  await ask(gateway, "/origin/1", "f".repeat(32));
  await ask(gateway, "/origin/1", "1".repeat(32));
  expect(logs.map(({ traceId }) => traceId)).toEqual(["f".repeat(32)]);
});

test("a kept request is told with the report of what is counted, another is not", async () => {
  const gateway = await start({ traces: { ratio: 0, errors: true } }, ({ url }) => {
    return new Response("x", { status: url.endsWith("/broken") ? 500 : 200 });
  });
  for (const target of ["/origin/well", "/origin/broken"]) await ask(gateway, target);
  const told = () => gateway.control.asked.flatMap(({ counted }) => counted?.exemplars ?? []);
  await vi.waitFor(
    async () => {
      await ask(gateway, "/origin/well");
      expect(told()).not.toEqual([]);
    },
    { timeout: 15_000, interval: 200 },
  );
  const server = spans.find(({ kind }) => kind === "server");
  const { traceId, spanId } = server ?? {};
  expect(told()).toEqual([{ route: "origin", traceId, spanId, ms: expect.any(Number), atMs: expect.any(Number) }]);
  for (const one of gateway.control.asked) expect(leaseRequestSchema.safeParse(one).error).toBeUndefined();
});

const timings = (answer: Response): string[] =>
  (answer.headers.get("server-timing") ?? "").split(", ").map((one) => one.replace(/\d+(\.\d+)?$/, "N"));
const slow: Outside = async () => {
  await new Promise((done) => setTimeout(done, 20));
  return new Response("ok", { headers: { "server-timing": "db;dur=1" } });
};

test("Server-Timing says what took how long, behind what the upstream says", async () => {
  const gateway = await start({ serverTiming: true }, slow);
  const answer = await ask(gateway, "/origin/1", "c".repeat(32), "00");
  expect(timings(answer)).toEqual(["db;dur=N", "total;dur=N", "upstream;dur=N"]);
  const [total = 0, own = 0] = [
    ...(answer.headers.get("server-timing") ?? "").matchAll(/(?:total|upstream);dur=(\d+)/g),
  ].map(([, ms]) => Number(ms));
  expect(own).toBeGreaterThanOrEqual(10);
  expect(total).toBeGreaterThanOrEqual(own);
  // The trace goes on as it came.
  expect(gateway.sent[0]?.headers.get("traceparent")).toMatch(new RegExp(`^00-${"c".repeat(32)}-[0-9a-f]{16}-00$`));
  expect([spans, logs, faults]).toEqual([[], [], []]);
});

test("Server-Timing is there beside spans, and on refusals", async () => {
  const gateway = await start({ serverTiming: true, traces: { ratio: 1, errors: true } }, slow);
  expect(timings(await ask(gateway, "/origin/1"))).toEqual(["db;dur=N", "total;dur=N", "upstream;dur=N"]);
  expect(spans).toHaveLength(2);
  const refused = await ask(gateway, "/there-is-no-such-route");
  expect([refused.status, timings(refused)]).toEqual([404, ["total;dur=N"]]);
});

test("an answer from the cache has the times of its own request", async () => {
  const gateway = await start({ serverTiming: true }, slow);
  const target = `/cached/timed-${path}-${crypto.randomUUID()}`;
  expect(timings(await ask(gateway, target))).toEqual(["db;dur=N", "total;dur=N", "upstream;dur=N"]);
  const again = await ask(gateway, target);
  expect(again.headers.get("cache-status")).toContain("hit");
  expect(timings(again)).toEqual(["db;dur=N", "total;dur=N"]);
});

test("without it no answer has the field", async () => {
  const gateway = await start({ traces: { ratio: 1, errors: true } });
  expect((await ask(gateway, "/origin/1")).headers.has("server-timing")).toBe(false);
});

test("an attempt that took its target out of use says so", async () => {
  const traces = { ratio: 1, errors: true };
  const gateway = await start(
    { traces },
    ({ url }) => new Response("x", { status: url.includes("a.example") ? 503 : 200 }),
  );
  for (let n = 0; n < 2; n++) expect((await ask(gateway, "/pay")).status).toBe(200);
  const calls = spans.filter(({ kind }) => kind === "client");
  const ejecting = calls.filter(({ events }) => events.some(({ name }) => name === "selvage.ejected"));
  expect(ejecting.map(({ attributes }) => attributes["selvage.endpoint"])).toEqual(["http://a.example"]);
  expect(ejecting[0]?.events[0]?.attributes["selvage.detail"]).toMatch(/^for \d{3,5} ms$/);
});

test("a part that was sent again counts its requests", async () => {
  let failures = 2;
  const outside: Outside = () => (failures-- > 0 ? new Response("x", { status: 503 }) : Response.json({ ok: true }));
  const gateway = await start({ traces: { ratio: 1, errors: true } }, outside);
  expect((await ask(gateway, "/both")).status).toBe(200);
  const calls = spans.filter(({ kind }) => kind === "client");
  expect(calls.map(({ attributes }) => [attributes["http.request.resend_count"], attributes["selvage.part"]])).toEqual([
    [undefined, "users"],
    [1, "users"],
    [2, "users"],
  ]);
});
