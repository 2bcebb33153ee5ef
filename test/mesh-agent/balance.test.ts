/** An agent and the instances of a service: which of them gets a request, and which is out of use. */

import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import type { TestAgent } from "./support/agents.ts";
import { outboundDefaults, type TestControl } from "./support/control-plane.ts";
import { withOneCaller } from "./support/one-caller.ts";
import { answer, type Behaviour, type TestPeers } from "./support/peers.ts";

const connections = new Agent({ keepAlive: true });
let control: TestControl;
let peers: TestPeers;
let caller: TestAgent;

withOneCaller((world) => {
  ({ control, peers, caller } = world);
});

afterAll(() => connections.destroy());

/** As an application calls through its agent. */
function call(headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { outbound = 0 } = caller.runtime.ports;
    const options = { host: "127.0.0.1", port: outbound, path: "/x", agent: connections };
    const outgoing = request({ ...options, headers: { host: "target.mesh", ...headers } }, (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

async function instances(behaviours: readonly Behaviour[], settings: Partial<OutboundServicePlan>) {
  const all = await Promise.all(behaviours.map((behave) => peers.start(behave)));
  await peers.give(
    caller,
    all.map(({ port }) => port),
    settings,
  );
  return all;
}

test("requests with the same header go to the same instance, also by its cookie and its user", async () => {
  const named = ["a", "b", "c"].map((name) => answer(200, {}, name));
  const users = Array.from({ length: 12 }, (_, at) => `user-${at}`);
  for (const [hash, fields] of [
    [{ header: "x-user" }, async (user: string) => ({ "x-user": user })],
    [{ cookie: "session" }, async (user: string) => ({ cookie: `other=1; session=${user}` })],
    [{ claim: "sub" }, async (user: string) => ({ "txn-token": await control.txnToken("", { sub: user }) })],
  ] as const) {
    await instances(named, { balance: { policy: "consistent-hash", hash } });
    const first = new Map<string, string>();
    for (const user of users) first.set(user, (await call(await fields(user))).body);
    expect(new Set(first.values()).size).toBe(3);
    for (const user of users) expect((await call(await fields(user))).body).toBe(first.get(user));
    await peers.end();
  }
});

test("method, path and the end user choose the subset", async () => {
  await instances([answer(200, {}, "v1"), answer(200, {}, "v2")], {
    subsets: { v1: { version: "v1" }, v2: { version: "v2" } },
    traffic: [
      { headers: {}, path: "/x", scopes: ["beta"], split: { v2: 1 } },
      { headers: {}, methods: ["POST"], path: "/*", split: { v2: 1 } },
      { headers: {}, claims: { sub: "carol" }, split: { v2: 1 } },
      { headers: {}, split: { v1: 1 } },
    ],
  });
  const as = async (sub: string, scope = ""): Promise<string> =>
    (await call({ "txn-token": await control.txnToken(scope, { sub }) })).body;
  expect((await call()).body).toBe("v1");
  expect(await as("alice")).toBe("v1");
  expect(await as("alice", "beta other")).toBe("v2");
  expect(await as("carol")).toBe("v2");
  expect((await call({ "txn-token": "a.b.c" })).body).toBe("v1");
  const { body } = await caller.calls("http://target.mesh/y", "POST");
  expect(body).toBe("v2");
});

test("a forged token chooses no instance, and what it asks for goes on as it is", async () => {
  const all = await instances([answer(200), answer(200), answer(200)], {
    balance: { policy: "consistent-hash", hash: { claim: "sub" } },
  });
  for (let n = 0; n < 60; n++) expect((await call({ "txn-token": "a.b.c" })).status).toBe(200);
  for (const { seen } of all) expect(seen.length).toBeGreaterThan(0);
});

test.each<[string, Behaviour]>([
  ["that is slow", (exchange, index) => void setTimeout(() => answer(200)(exchange, index), 300)],
  ["that asks for a pause", answer(503, { "retry-after": "30" })],
  ["with too many requests", answer(429, { "retry-after": "30" })],
  ["that fails fast", answer(500)],
])("an instance %s gets few requests", async (_, worse) => {
  const [bad, good] = await instances([worse, answer(200)], {
    balance: { policy: "peak-ewma" },
    breaker: { ...outboundDefaults.breaker, consecutiveFailures: 1_000 },
  });
  for (let n = 0; n < 60; n++) await call();
  expect(bad?.seen.length).toBeLessThanOrEqual(3);
  expect(good?.seen.length).toBeGreaterThanOrEqual(57);
});

test("an instance that fails half of its calls is out, is probed by one request at a time, and comes back", async () => {
  let isIll = true;
  let underWay = 0;
  let atOnce = 0;
  let probing = false;
  const ill: Behaviour = (exchange, index) => {
    underWay++;
    if (probing) atOnce = Math.max(atOnce, underWay);
    setTimeout(() => {
      underWay--;
      answer(isIll && (probing || index % 2 === 0) ? 500 : 200)(exchange, index);
    }, 40);
  };
  const [bad] = await instances([ill, answer(200), answer(200)], {
    retries: { attempts: 0, on: ["reset"] },
    balance: { policy: "round-robin" },
    breaker: { ...outboundDefaults.breaker, ejectForMs: 400, ejectForMsMax: 800 },
  });
  const burst = async (count: number): Promise<number> => {
    const answers = await Promise.all(Array.from({ length: count }, () => call()));
    return answers.filter(({ status }) => status !== 200).length;
  };
  const isOut = async (): Promise<boolean> =>
    /^selvage_endpoints_ejected\{.*\} 1$/m.test((await caller.admin("/metrics")).text);
  for (let n = 0; n < 40 && !(await isOut()); n++) await burst(6);
  expect(await isOut()).toBe(true);
  probing = true;
  const before = bad?.seen.length ?? 0;
  let errors = 0;
  for (let n = 0; n < 20; n++) {
    errors += await burst(64);
    await delay(60);
  }
  const probes = (bad?.seen.length ?? 0) - before;
  expect(probes).toBeGreaterThan(0);
  expect(errors).toBe(probes);
  expect(atOnce).toBe(1);
  expect(await isOut()).toBe(true);
  isIll = false;
  probing = false;
  for (let n = 0; n < 100 && (await isOut()); n++) {
    await burst(3);
    await delay(30);
  }
  expect(await isOut()).toBe(false);
  const back = bad?.seen.length ?? 0;
  for (let n = 0; n < 10; n++) expect(await burst(9)).toBe(0);
  expect((bad?.seen.length ?? 0) - back).toBeGreaterThanOrEqual(25);
});
