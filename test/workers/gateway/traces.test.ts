/** Spans of the gateway, as its receiver gets them, and what of a client's trace context is believed. */
import { afterEach, expect, test, vi } from "vitest";
import type { TracesSettings } from "../../../shared/telemetry/settings.ts";
import { type ReadSpan, readSpans } from "../../support/read-otlp.ts";
import { type Gateway, type Outside, startGateway } from "./support/gateway.ts";
import { limit, part, plan, route } from "./support/plans.ts";

const RECEIVER = "https://telemetry.example";
const PARENT = "00f067aa0ba902b7";

const toOrigin = { kind: "forward", to: { origin: "http://origin.example:8080" } } as const;
const routes = [
  route("mesh", "/mesh/*"),
  route("origin", "/origin/{id}", { target: toOrigin }),
  route("both", "/both", {
    target: {
      kind: "aggregate",
      parts: [part("users", ["/users/1"]), part("orders", ["/orders"], { dependsOn: ["users"] })],
    } as never,
  }),
  route("limited", "/limited", { target: toOrigin, rateLimits: [limit("one", 1)] }),
];

let seen: ReadSpan[] = [];
let posts: { headers: Headers; status: number }[] = [];
/** What the receiver answers, in turn; then 200. */
let answers: Response[] = [];

async function start(traces: Partial<TracesSettings>, outside: Outside = () => Response.json({ ok: true })) {
  [seen, posts, answers] = [[], [], []];
  const telemetry = {
    otlp: {
      endpoint: RECEIVER,
      headers: { authorization: "Bearer ${secret:OTLP}" },
      compression: "gzip" as const,
      timeoutMs: 1_000,
    },
    resource: { "service.namespace": "shop" },
    traces: { ratio: 1, errors: true, ...traces },
  };
  const receive: Outside = async (request) => {
    if (request.url !== `${RECEIVER}/v1/traces`) return outside(request);
    const answer = answers.shift() ?? new Response(null);
    posts.push({ headers: request.headers, status: answer.status });
    if (answer.ok) seen.push(...readSpans(await unpacked(request)));
    return answer;
  };
  return startGateway(plan(routes, { telemetry }), receive, { env: { SECRET_OTLP: "s3cret" } });
}

async function unpacked(request: Request): Promise<Uint8Array> {
  expect(request.headers.get("content-encoding")).toBe("gzip");
  const content = request.body?.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(content ?? null).arrayBuffer());
}

afterEach(() => vi.restoreAllMocks());

const ask = (gateway: Gateway, path: string, traceparent?: string): Promise<Response> =>
  gateway.fetch(path, { headers: { "user-agent": "probe/1", ...(traceparent !== undefined && { traceparent }) } });
const calledWith = (gateway: Gateway): string[] =>
  gateway.sent.flatMap(({ url, headers }) => (url.startsWith(RECEIVER) ? [] : (headers.get("traceparent") ?? "none")));

test("a request is a server's span, its call a client's below it, which the upstream is told as its parent", async () => {
  const gateway = await start({});
  await ask(gateway, "/origin/7?token=hidden", `00-${"a".repeat(32)}-${PARENT}-00`);
  const [server, client] = seen;
  expect(seen).toHaveLength(2);
  expect(server).toMatchObject({
    name: "GET /origin/{id}",
    kind: "server",
    traceId: "a".repeat(32),
    parentId: PARENT,
    failed: false,
    resource: { "service.name": "gateway", "service.namespace": "shop", "service.instance.id": expect.any(String) },
    attributes: {
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "http.route": "/origin/{id}",
      "url.path": "/origin/7",
      "url.scheme": "http",
      "server.address": "api.shop.example",
      "user_agent.original": "probe/1",
      "selvage.route": "origin",
      "selvage.plan.version": 1,
    },
  });
  expect(server?.attributes).not.toHaveProperty("client.address");
  expect(client).toMatchObject({
    name: "GET origin.example",
    kind: "client",
    parentId: server?.spanId,
    attributes: { "server.address": "origin.example", "server.port": 8080, "http.response.status_code": 200 },
  });
  expect(calledWith(gateway)).toEqual([`00-${"a".repeat(32)}-${client?.spanId}-01`]);
  const told = JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? String(value) : value));
  expect(told).not.toContain("hidden");
  expect(posts[0]?.headers.get("authorization")).toBe("Bearer s3cret");
});

test("parts of an aggregate are calls of their own", async () => {
  const gateway = await start({});
  expect((await ask(gateway, "/both")).status).toBe(200);
  const server = seen.find(({ kind }) => kind === "server");
  const calls = seen.filter(({ kind }) => kind === "client");
  expect(calls.map(({ name, attributes }) => [name, attributes["selvage.part"]])).toEqual([
    ["GET users", "users"],
    ["GET orders", "orders"],
  ]);
  for (const { parentId } of calls) expect(parentId).toBe(server?.spanId);
});

test("what a client says of sampling is not believed, unless it is trusted", async () => {
  const none = await start({ ratio: 0 });
  await ask(none, "/mesh/1", `00-${"f".repeat(32)}-${PARENT}-03`);
  expect(calledWith(none)[0]).toMatch(/-02$/);
  expect(seen).toEqual([]);
  const trusting = await start({ ratio: 0, trustClients: true });
  await ask(trusting, "/mesh/1", `00-${"f".repeat(32)}-${PARENT}-03`);
  expect(calledWith(trusting)[0]).toMatch(/-03$/);
  expect(seen).toHaveLength(2);
  await ask(trusting, "/mesh/1", `00-${"f".repeat(32)}-${PARENT}-02`);
  expect(seen).toHaveLength(2);
});

test("what failed, and what the mesh has kept, is kept whatever the share", async () => {
  let status = 503;
  let kept = {};
  const gateway = await start({ ratio: 0 }, () => new Response("x", { status, headers: kept }));
  await ask(gateway, "/mesh/1");
  expect(seen.map(({ kind, failed }) => [kind, failed])).toEqual([
    ["server", true],
    ["client", true],
  ]);
  expect(seen[0]?.attributes).toMatchObject({ "selvage.sampled_by": "error", "error.type": "503" });
  status = 200;
  await ask(gateway, "/mesh/2");
  expect(seen).toHaveLength(2);
  kept = { "selvage-kept": "1" };
  const answer = await ask(gateway, "/mesh/3");
  expect([...answer.headers.keys()].filter((name) => name.startsWith("selvage-"))).toEqual([]);
  expect(seen.slice(2).map(({ attributes }) => attributes["selvage.sampled_by"])).toEqual(["callee", undefined]);
  // An origin is not the mesh.
  await ask(gateway, "/origin/1");
  expect(seen).toHaveLength(4);
});

test("a refusal has its code, and is no error of the server", async () => {
  const gateway = await start({});
  await ask(gateway, "/limited");
  expect((await ask(gateway, "/limited")).status).toBe(429);
  const last = seen.findLast(({ kind }) => kind === "server");
  expect(last).toMatchObject({ failed: false, attributes: { "error.type": "limit_exceeded" } });
});

test("a receiver that is busy is asked again, one that refuses is not", async () => {
  const gateway = await start({});
  answers = [new Response(null, { status: 503, headers: { "retry-after": "1" } })];
  await ask(gateway, "/mesh/1");
  expect(posts.map(({ status }) => status)).toEqual([503, 200]);
  expect(seen).toHaveLength(2);
  answers = [new Response(null, { status: 400 })];
  await ask(gateway, "/mesh/2");
  expect(posts.map(({ status }) => status)).toEqual([503, 200, 400]);
  expect(gateway.logs).toContainEqual(
    expect.objectContaining({ kind: "telemetry", reason: "the receiver answered 400", rejected: 2 }),
  );
});
