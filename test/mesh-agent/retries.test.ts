/** An agent against endpoints that fail in every way: what is sent again, and what never. */
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { FieldList } from "../../shared/http/field-list.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import type { TestAgent } from "./support/agents.ts";
import { outboundDefaults } from "./support/control-plane.ts";
import { withOneCaller } from "./support/one-caller.ts";
import { answer, type Behaviour, type TestPeers } from "./support/peers.ts";

let peers: TestPeers;
let caller: TestAgent;

withOneCaller((world) => {
  ({ peers, caller } = world);
});

const peer = (behave: Behaviour, service?: string) => peers.start(behave, service);
const endpoints = (ports: readonly number[], settings?: Partial<OutboundServicePlan>) =>
  peers.give(caller, ports, settings);
const reset: Behaviour = (exchange) => exchange.abort("told to");

async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Sends a body in chunks, slowly enough that a connection can fail in between. */
async function postStream(port: number, chunks: number, size: number): Promise<{ status: number }> {
  const outgoing = request({ host: "127.0.0.1", port, path: "/x", method: "POST", headers: { host: "target.mesh" } });
  const answered = new Promise<{ status: number }>((resolve, reject) => {
    outgoing.on("response", (incoming) => {
      incoming.resume();
      resolve({ status: incoming.statusCode ?? 0 });
    });
    outgoing.on("error", reject);
  });
  for (let n = 0; n < chunks; n++) {
    if (!outgoing.write(Buffer.alloc(size, "b"))) await new Promise((resolve) => outgoing.once("drain", resolve));
  }
  outgoing.end();
  return answered;
}

const call = (method = "GET"): Promise<{ status: number; body: string; headers: Record<string, string> }> =>
  caller.calls("http://target.mesh/x", method);

test("an endpoint that cannot be reached costs no request of any method", async () => {
  const good = await peer(answer(200));
  await endpoints([await deadPort(), good.port]);
  for (const method of ["GET", "POST", "POST", "GET"]) expect((await call(method)).status).toBe(200);
  expect(good.seen).toHaveLength(4);
});

test("a body larger than what is kept goes on to another endpoint while nothing of it was sent", async () => {
  const good = await peer(answer(200));
  await endpoints([await deadPort(), good.port]);
  const port = caller.runtime.ports.outbound ?? 0;
  for (let n = 0; n < 2; n++) {
    const { status } = await postStream(port, 40, 64 * 1024);
    expect(status).toBe(200);
  }
});

test("one that proves to be another service is never spoken to", async () => {
  const impostor = await peer(answer(200), "users");
  const good = await peer(answer(200));
  await endpoints([impostor.port, good.port]);
  for (const method of ["POST", "GET", "POST"]) expect((await call(method)).status).toBe(200);
  expect(impostor.seen).toEqual([]);
});

test("a POST that an endpoint may have seen is sent once; a GET goes elsewhere", async () => {
  const bad = await peer(reset);
  const good = await peer(answer(200));
  await endpoints([bad.port, good.port]);
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push((await call("POST")).status);
  expect(statuses.filter((status) => status === 502)).toHaveLength(2);
  expect(bad.seen).toHaveLength(2);
  for (let n = 0; n < 4; n++) expect((await call("GET")).status).toBe(200);
});

test("an agent that leaves refuses before its application, so a POST goes elsewhere", async () => {
  const leaving = await peer(answer(503, { "selvage-error": "draining", "selvage-sent": "none" }));
  const good = await peer(answer(200));
  await endpoints([leaving.port, good.port]);
  for (let n = 0; n < 4; n++) expect((await call("POST")).status).toBe(200);
  expect(good.seen).toHaveLength(4);
  expect(leaving.seen).toHaveLength(1);
});

test("an agent whose application saw something is not believed to have sent nothing", async () => {
  const bad = await peer(answer(502, { "selvage-error": "app_reset", "selvage-sent": "body" }));
  const good = await peer(answer(200));
  await endpoints([bad.port, good.port]);
  const statuses = [(await call("POST")).status, (await call("POST")).status];
  expect(statuses.sort()).toEqual([200, 502]);
});

test("what only agents may know does not reach the application", async () => {
  const bad = await peer(answer(403, { "selvage-error": "access_denied", "selvage-sent": "none", "x-own": "1" }));
  await endpoints([bad.port]);
  const { status, headers } = await call();
  expect(status).toBe(403);
  expect(headers["x-own"]).toBe("1");
  expect(Object.keys(headers).filter((name) => name.startsWith("selvage-"))).toEqual([]);
  expect(bad.seen).toHaveLength(1);
});

test("an error of the application is repeated only where the document says so, and only for what is idempotent", async () => {
  const bad = await peer(answer(500));
  const good = await peer(answer(200));
  await endpoints([bad.port, good.port]);
  expect([(await call()).status, (await call()).status].sort()).toEqual([200, 500]);
  await endpoints([bad.port, good.port], { retries: { attempts: 1, on: ["5xx"] } });
  expect([(await call()).status, (await call()).status]).toEqual([200, 200]);
  expect([(await call("POST")).status, (await call("POST")).status].sort()).toEqual([200, 500]);
});

test("a status that the document names is tried again elsewhere", async () => {
  const bad = await peer(answer(429));
  const good = await peer(answer(200));
  await endpoints([bad.port, good.port], { retries: { attempts: 1, on: [], statuses: [429] } });
  expect([(await call()).status, (await call()).status]).toEqual([200, 200]);
  expect(bad.seen.length).toBeGreaterThan(0);
});

test("attempts are numbered, and end at their number with the last answer", async () => {
  const bad = await peer(answer(503, {}, "overloaded"));
  await endpoints([bad.port], { retries: { attempts: 2, on: ["5xx"] } });
  const { status, body } = await call();
  expect([status, body]).toEqual([503, "overloaded"]);
  expect(bad.seen).toEqual(["GET /x 1", "GET /x 2", "GET /x 3"]);
});

test("an attempt that takes too long is followed by another", async () => {
  const silent = await peer(() => {});
  const good = await peer(answer(200));
  await endpoints([silent.port, good.port], { retries: { attempts: 1, perTryMs: 150, on: ["reset"] } });
  expect([(await call()).status, (await call()).status]).toEqual([200, 200]);
  expect(silent.seen.length).toBeGreaterThan(0);
  expect(good.seen).toContain("GET /x 2");
});

test("failures in a row eject an endpoint", async () => {
  const bad = await peer(answer(500));
  const good = await peer(answer(200));
  const breaker = { ...outboundDefaults.breaker, consecutiveFailures: 3, ejectForMs: 60_000 };
  await endpoints([bad.port, good.port], { breaker });
  for (let n = 0; n < 20; n++) await call();
  expect(bad.seen).toHaveLength(3);
  expect((await caller.admin("/metrics")).text).toMatch(/^selvage_breaker_open\{.*\} 1$/m);
});

test("the last endpoint is used even when it fails", async () => {
  let failing = true;
  const only = await peer((exchange, index) => answer(failing ? 500 : 200)(exchange, index));
  const breaker = { ...outboundDefaults.breaker, consecutiveFailures: 1, ejectForMs: 60_000 };
  await endpoints([only.port], { breaker });
  expect((await call()).status).toBe(500);
  expect((await call()).status).toBe(500);
  failing = false;
  expect((await call()).status).toBe(200);
});

test("a header chooses the subset, the rest is split", async () => {
  const v1 = await peer(answer(200, {}, "v1"));
  const v2 = await peer(answer(200, {}, "v2"));
  await endpoints([v1.port, v2.port], {
    subsets: { v1: { version: "v1" }, v2: { version: "v2" }, v3: { version: "v3" } },
    traffic: [
      { headers: { "user-agent": "node" }, split: { v2: 1 } },
      { headers: {}, split: { v3: 1 } },
    ],
  });
  for (let n = 0; n < 4; n++) expect((await call()).body).toBe("v2");
  const { json } = await caller.app(`/http?url=${encodeURIComponent("http://target.mesh/")}`);
  expect(json.status).toBe(503);
  expect(JSON.parse(json.body as string).code).toBe("no_healthy_endpoint");
});

test("an answer that breaks off in the middle breaks off for the caller", async () => {
  const bad = await peer((exchange) => {
    const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 1_000 });
    writer.write(Buffer.from("half"));
    setTimeout(() => exchange.abort("told to"), 50);
  });
  await endpoints([bad.port]);
  const outbound = connect(caller.runtime.ports.outbound ?? 0, "127.0.0.1");
  outbound.write("GET /x HTTP/1.1\r\nHost: target.mesh\r\n\r\n");
  let text = "";
  outbound.on("data", (chunk) => {
    text += chunk;
  });
  outbound.on("error", () => {});
  await new Promise((resolve) => outbound.on("close", resolve));
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(text.endsWith("half")).toBe(true);
  expect(bad.seen).toHaveLength(1);
});
