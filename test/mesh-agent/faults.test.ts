/** Trouble that an agent makes on purpose, as an application sees it. */
import { Agent, request } from "node:http";
import { afterAll, expect, test, vi } from "vitest";
import type { FaultRule } from "../../shared/policy/settings.ts";
import type { TestAgent } from "./support/agents.ts";
import { withOneCaller } from "./support/one-caller.ts";
import { answer, type TestPeers } from "./support/peers.ts";

const connections = new Agent({ keepAlive: true });
const LATER = Date.now() + 3_600_000;
let peers: TestPeers;
let caller: TestAgent;

withOneCaller((world) => {
  ({ peers, caller } = world);
});

afterAll(() => connections.destroy());

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly tookMs: number;
}

function call(headers: Record<string, string> = {}): Promise<Answer> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const { outbound = 0 } = caller.runtime.ports;
    const options = { host: "127.0.0.1", port: outbound, path: "/x", agent: connections };
    const outgoing = request({ ...options, headers: { host: "target.mesh", ...headers } }, (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, body, tookMs: performance.now() - startMs }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

async function target(fault: Omit<FaultRule, "headers" | "untilMs">, more: Partial<FaultRule> = {}, body = "ok") {
  const peer = await peers.start(answer(200, {}, body));
  await peers.give(caller, [peer.port], { faults: [{ headers: {}, untilMs: LATER, ...fault, ...more }] });
  return peer;
}

test("abort: nothing is sent, and the answer has the status; only those that match are hit", async () => {
  const peer = await target({ abort: { percent: 100, status: 418 } }, { headers: { "x-test": "1" } });
  const hit = await call({ "x-test": "1" });
  expect([hit.status, JSON.parse(hit.body)]).toEqual([
    418,
    { type: "about:blank", title: "Injected fault", status: 418 },
  ]);
  expect(peer.seen).toEqual([]);
  expect((await call()).status).toBe(200);
  const { text } = await caller.admin("/metrics");
  expect(text).toMatch(/^selvage_faults_total\{service="target",kind="abort"\} 1$/m);
  await vi.waitFor(() => expect(caller.log("outbound").map(({ reason }) => reason)).toContain("injected fault: abort"));
});

test("a share of the requests is hit, and no other", async () => {
  const peer = await target({ abort: { percent: 30, status: 503 } });
  const statuses = await Promise.all(Array.from({ length: 300 }, () => call()));
  const hits = statuses.filter(({ status }) => status === 503).length;
  expect(hits).toBeGreaterThan(40);
  expect(hits).toBeLessThan(150);
  expect(peer.seen).toHaveLength(300 - hits);
});

test("a fault whose time is over does nothing", async () => {
  await target({ abort: { percent: 100, status: 503 } }, { untilMs: Date.now() - 1 });
  expect((await call()).status).toBe(200);
});

test("it ends by itself", async () => {
  const untilMs = Date.now() + 1_500;
  await target({ abort: { percent: 100, status: 503 } }, { untilMs });
  let status = (await call()).status;
  if (Date.now() < untilMs) expect(status).toBe(503);
  while (status !== 200) ({ status } = await call());
  expect(Date.now()).toBeGreaterThanOrEqual(untilMs);
});

test("delay: the request waits and goes on", async () => {
  const peer = await target({ delay: { percent: 100, delayMs: 300 } });
  const { status, tookMs } = await call();
  expect(status).toBe(200);
  expect(tookMs).toBeGreaterThanOrEqual(295);
  expect(peer.seen).toHaveLength(1);
});

test("a delay ends with the request's time", async () => {
  const peer = await target({ delay: { percent: 100, delayMs: 60_000 } });
  expect((await call({ "selvage-deadline-ms": "200" })).status).toBe(504);
  expect(peer.seen).toEqual([]);
});

test("reset: the connection is broken off", async () => {
  const peer = await target({ reset: { percent: 100 } });
  await expect(call()).rejects.toThrow(/socket hang up|ECONNRESET/);
  expect(peer.seen).toEqual([]);
});

test("slow body: all of it comes, at its pace", async () => {
  const body = "0123456789".repeat(1_000);
  await target({ slowBody: { percent: 100, bytesPerSecond: 16_384 } }, {}, body);
  const slow = await call();
  expect([slow.status, slow.body === body]).toEqual([200, true]);
  expect(slow.tookMs).toBeGreaterThan(400);
  await target({ slowBody: { percent: 100, bytesPerSecond: 16_384 } }, {}, "");
  expect((await call()).body).toBe("");
});
