import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { RETRY_AFTER_MS } from "../../../shared/wire/hub.ts";
import { sha256Hex } from "../../../workers/control/authority/bytes.ts";
import { closeCodes } from "../../../workers/control/objects/hub-messages.ts";
import { applyShop, call, connect, helloOf, hub, joined, TestAgent, token } from "./support.ts";

let timeoutMs = 10_000;
/** Applies a document that was not live before. */
const applyNext = () => applyShop(`${++timeoutMs}ms`);
const agentToken = (service: string, sub: string) => token({ role: "agent", service, sub });
const statusOf = async (instance: string) =>
  (await call("GET", "/v1/status", "admin")).body.agents.find(
    (agent: { instance: string }) => agent.instance === instance,
  );
const endpointsOf = async (service: string): Promise<string[]> =>
  ((await call("GET", "/v1/services", "admin")).body.services[service] ?? []).map(
    ({ instance }: { instance: string }) => instance,
  );

/** Rewrites the stored registry and wakes the hub anew, so that time has passed without waiting. */
async function age(key: string, change: Record<string, unknown>, webSockets: "close" | "hibernate"): Promise<void> {
  await runInDurableObject(hub(), (_object, { storage }) => {
    const [row] = storage.sql.exec("SELECT state FROM instances WHERE key = ?", key).toArray();
    const state = JSON.stringify({ ...JSON.parse(String(row?.state)), ...change });
    storage.sql.exec("UPDATE instances SET state = ? WHERE key = ?", state, key);
  });
  await evictDurableObject(hub(), { webSockets });
}

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

describe("who may connect", () => {
  test.each([
    ["no token", undefined, 401],
    ["an admin's token", "admin", 403],
    ["a gateway's token", "gateway", 403],
    ["a forged token", "x.y.z", 401],
  ])("%s is refused", async (_name, as, status) => {
    expect((await call("GET", "/v1/agents/connect", as)).status).toBe(status);
  });

  test("a call without an upgrade is told so", async () => {
    const { status, headers } = await call("GET", "/v1/agents/connect", await agentToken("orders", "orders-0"));
    expect([status, headers.get("upgrade")]).toEqual([426, "websocket"]);
  });

  test("a header of the client does not choose who it is", async () => {
    const agent = await connect(await agentToken("orders", "orders-header"));
    agent.send(helloOf("inventory-1"));
    expect(await agent.untilClosed()).toEqual({ code: closeCodes.policy, reason: "instance is not the token's" });
  });
});

describe("hello", () => {
  test("is answered with trust, the own face of the plan and the endpoints that may be called", async () => {
    const agent = await connect(await agentToken("orders", "orders-hello"));
    agent.send(helloOf("orders-hello", 4001));
    const trust = await agent.take("trust");
    expect(trust.roots[0]).toContain("BEGIN CERTIFICATE");
    expect(trust.txnKeys[0]).toMatchObject({ kty: "EC", crv: "P-256", alg: "ES256" });
    expect(trust.txnKeys[0]).not.toHaveProperty("d");
    const plan = await agent.take("plan");
    expect(plan.version).toBe((await call("GET", "/v1/status", "admin")).body.version);
    expect(plan.hash).toBe(await sha256Hex(canonicalJson(plan.plan)));
    expect([plan.plan.service, Object.keys(plan.plan.outbound)]).toEqual(["orders", ["inventory", "users"]]);
    expect(Object.keys((await agent.take("endpoints")).services)).toEqual(["inventory", "users"]);
    expect(await endpointsOf("orders")).not.toContain("orders-hello");
    agent.close();
  });

  test("a plan that the agent has is not sent again", async () => {
    const { version } = (await call("GET", "/v1/status", "admin")).body;
    const agent = await connect(await agentToken("users", "users-same"));
    agent.send(helloOf("users-same", 0, version));
    await agent.take("endpoints");
    expect(agent.messages.map((message) => message.type)).not.toContain("plan");
    expect((await statusOf("users-same")).state).toBe("current");
    agent.close();
  });

  test("another plan under the live number, as after a control plane was made anew, is replaced", async () => {
    const { version } = (await call("GET", "/v1/status", "admin")).body;
    const agent = await connect(await agentToken("users", "users-other"));
    agent.send({ ...helloOf("users-other", 0, version), planHash: "0".repeat(64) });
    const { hash } = await agent.take("plan");
    expect((await statusOf("users-other")).state).toBe("behind");
    agent.send({ type: "ack", version });
    const again = await connect(await agentToken("users", "users-other"));
    again.send({ ...helloOf("users-other", 0, version), planHash: hash });
    await again.take("endpoints");
    expect(again.messages.map((message) => message.type)).not.toContain("plan");
    again.close();
  });

  test("a version that was never made here is answered with the live plan", async () => {
    const agent = await connect(await agentToken("users", "users-ahead"));
    agent.send(helloOf("users-ahead", 0, 999_999));
    await agent.take("plan");
    expect((await statusOf("users-ahead")).state).toBe("behind");
    agent.close();
  });

  test.each([
    ["garbage", "{"],
    ["no object", "[]"],
    ["a known type that lacks members", JSON.stringify({ type: "hello" })],
    ["binary", new ArrayBuffer(4)],
    ["another message before hello", JSON.stringify({ type: "ready" })],
    ["another instance", JSON.stringify(helloOf("inventory-1", 4002))],
    ["another instance's endpoint", JSON.stringify({ ...helloOf("inventory-1", 4002), instance: "orders-bad" })],
    ["too many labels", JSON.stringify(withLabels(limits.control.labelsMax + 1, 3))],
    ["a label that is too long", JSON.stringify(withLabels(1, limits.control.labelBytesMax + 1))],
  ])("%s closes the connection and registers nothing", async (_name, message) => {
    const agent = await connect(await agentToken("orders", "orders-bad"));
    agent.send(message);
    expect((await agent.untilClosed()).code).toBe(closeCodes.policy);
    expect(await statusOf("orders-bad")).toBeUndefined();
  });

  test("an oversized message closes the connection", async () => {
    const agent = await joined("orders", "orders-big");
    agent.send(JSON.stringify({ type: "refuse", version: 1, reason: "x".repeat(limits.control.agentMessageBytesMax) }));
    expect((await agent.untilClosed()).code).toBe(closeCodes.tooBig);
  });

  test("a second hello closes the connection, an unknown type does not", async () => {
    const agent = await joined("orders", "orders-twice");
    agent.send(JSON.stringify({ type: "from-the-future", more: 1 }));
    agent.send(helloOf("orders-twice"));
    expect(await agent.untilClosed()).toEqual({ code: closeCodes.policy, reason: "hello was said before" });
  });
});

describe("endpoints", () => {
  test("are given from ready on to those who may call, and withdrawn with draining", async () => {
    const [orders, users] = [await joined("orders", "orders-caller"), await joined("users", "users-other")];
    const inventory = await joined("inventory", "inventory-1", 4100);
    inventory.send({ type: "ready" });
    const shown = await orders.take("endpoints");
    expect(shown.services.inventory).toEqual([
      { instance: "inventory-1", host: "127.0.0.1", port: 4100, labels: { version: "v1" } },
    ]);
    inventory.send({ type: "draining" });
    const withdrawn = await orders.take("endpoints");
    expect(withdrawn.services.inventory).toEqual([]);
    expect(withdrawn.revision).toBeGreaterThan(shown.revision);
    inventory.send({ type: "ready" });
    await joined("users", "users-later");
    expect(await endpointsOf("inventory")).toEqual([]);
    expect(users.messages).toEqual([]);

    expect((await statusOf("inventory-1")).phase).toBe("draining");
    inventory.close();
    await expect.poll(() => statusOf("inventory-1")).toBeUndefined();
  });

  test("stay over a reconnect, and go when the grace has passed without one", async () => {
    const orders = await joined("orders", "orders-grace");
    const first = await joined("inventory", "inventory-grace", 4200);
    first.send({ type: "ready" });
    await orders.take("endpoints");
    first.close();
    await expect.poll(async () => (await statusOf("inventory-grace")).state).toBe("offline");
    expect(await endpointsOf("inventory")).toEqual(["inventory-grace"]);
    const second = await joined("inventory", "inventory-grace", 4200);
    second.send({ type: "ready" });
    await expect.poll(async () => (await statusOf("inventory-grace")).phase).toBe("ready");
    expect(orders.messages).toEqual([]);

    second.close();
    await expect.poll(async () => (await statusOf("inventory-grace")).state).toBe("offline");
    await age("inventory/inventory-grace", { leaseEndsAtMs: Date.now() - 1 }, "hibernate");
    await runDurableObjectAlarm(hub());
    expect((await orders.take("endpoints")).services.inventory).toEqual([]);
    expect((await statusOf("inventory-grace")).state).toBe("offline");
  });

  test("of an agent that came back at another address are withdrawn until it is ready", async () => {
    const orders = await joined("orders", "orders-moved");
    const first = await joined("inventory", "inventory-moved", 4300);
    first.send({ type: "ready" });
    await orders.take("endpoints");
    const second = await joined("inventory", "inventory-moved", 4301);
    expect((await orders.take("endpoints")).services.inventory).toEqual([]);
    expect((await first.untilClosed()).code).toBe(closeCodes.replaced);
    second.send({ type: "ready" });
    expect((await orders.take("endpoints")).services.inventory?.[0]?.port).toBe(4301);
    second.send({ type: "draining" });
    await orders.take("endpoints");
  });

  test("survive a restart of the control plane for a lease", async () => {
    const inventory = await joined("inventory", "inventory-restart", 4400);
    inventory.send({ type: "ready" });
    await expect.poll(() => endpointsOf("inventory")).toEqual(["inventory-restart"]);
    const hourAgo = { leaseEndsAtMs: Date.now() - 3_600_000, lastHeardMs: Date.now() - 3_500_000 };
    await age("inventory/inventory-restart", hourAgo, "close");
    const body = (await call("GET", "/v1/services", "admin")).body;
    expect(body.services.inventory[0].leaseEndsInMs).toBeGreaterThan(limits.control.endpointLeaseMs - 5_000);
    await runDurableObjectAlarm(hub());
    expect(await endpointsOf("inventory")).toEqual(["inventory-restart"]);
    await age("inventory/inventory-restart", { leaseEndsAtMs: Date.now() - 1 }, "hibernate");
    await runDurableObjectAlarm(hub());
    expect(await endpointsOf("inventory")).toEqual([]);
  });

  test("stay while their agents wait for the times that a restarted hub gives them", async () => {
    const names = Array.from({ length: 5 }, (_, at) => `inventory-back-${at}`);
    let trusts: string | undefined;
    for (const [at, name] of names.entries()) {
      const agent = await connect(await agentToken("inventory", name));
      agent.send(helloOf(name, 4460 + at));
      trusts = (await agent.take("trust")).id;
      agent.send({ type: "ready" });
    }
    await expect.poll(() => endpointsOf("inventory")).toEqual(names);
    await evictDurableObject(hub(), { webSockets: "close" });
    const ask = async (instance: string): Promise<Response> => {
      const times = { openedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
      const connection = JSON.stringify({ id: crypto.randomUUID(), service: "inventory", instance, ...times });
      const headers = { upgrade: "websocket", "selvage-connection": connection };
      const answer = await hub().fetch("http://hub/v1/agents/connect", { headers });
      if (answer.webSocket !== null) new TestAgent(answer.webSocket).close();
      return answer;
    };
    const answers = await Promise.all([...names, "inventory-new"].map(ask));
    expect(answers.map(({ status }) => status)).toEqual([101, 503, 503, 503, 503, 101]);
    expect(answers[4]?.headers.get("retry-after")).toBe("1");
    expect(Number(answers[4]?.headers.get(RETRY_AFTER_MS))).toBeGreaterThan(500);
    expect(await endpointsOf("inventory")).toEqual(names);
    // One of an earlier version knows of no time, and asks again until it has come.
    const late = names[4] as string;
    await expect.poll(async () => (await ask(late)).status).toBe(101);

    const agent = await connect(await agentToken("inventory", late));
    agent.send({ ...helloOf(late, 4464), views: [], trusts: trusts ?? "" });
    await agent.take("changes");
    expect(agent.messages.map(({ type }) => type)).not.toContain("trust");
    expect(await endpointsOf("inventory")).toEqual(names);
    agent.send({ type: "draining" });
    for (const name of names.slice(0, 4))
      await age(`inventory/${name}`, { leaseEndsAtMs: Date.now() - 1 }, "hibernate");
    await runDurableObjectAlarm(hub());
    expect(await endpointsOf("inventory")).toEqual([]);
  });

  test("a close that wakes a sleeping hub is a close, not a restart", async () => {
    const inventory = await joined("inventory", "inventory-waker", 4450);
    inventory.send({ type: "ready" });
    await expect.poll(() => endpointsOf("inventory")).toEqual(["inventory-waker"]);
    await evictDurableObject(hub());
    inventory.close();
    await expect.poll(async () => (await statusOf("inventory-waker")).state).toBe("offline");
    const { services } = (await call("GET", "/v1/services", "admin")).body;
    expect(services.inventory?.[0]?.leaseEndsInMs ?? 0).toBeLessThanOrEqual(limits.control.reconnectGraceMs);
    await age("inventory/inventory-waker", { leaseEndsAtMs: Date.now() - 1 }, "hibernate");
    await runDurableObjectAlarm(hub());
    expect(await endpointsOf("inventory")).toEqual([]);
  });

  test("of an agent that sends no ping are withdrawn and its connection is cut", async () => {
    const silent = await joined("inventory", "inventory-silent", 4500);
    silent.send({ type: "ready" });
    await expect.poll(() => endpointsOf("inventory")).toEqual(["inventory-silent"]);
    const past = Date.now() - limits.control.endpointLeaseMs;
    await age("inventory/inventory-silent", { leaseEndsAtMs: past, lastHeardMs: past }, "hibernate");
    await runDurableObjectAlarm(hub());
    expect((await silent.untilClosed()).code).toBe(closeCodes.silent);
    expect(await endpointsOf("inventory")).toEqual([]);
  });

  test("of an agent that pings a sleeping hub stay", async () => {
    const alive = await joined("inventory", "inventory-alive", 4600);
    alive.send({ type: "ready" });
    await expect.poll(() => endpointsOf("inventory")).toEqual(["inventory-alive"]);
    const past = Date.now() - limits.control.endpointLeaseMs;
    await age("inventory/inventory-alive", { leaseEndsAtMs: past, lastHeardMs: past }, "hibernate");
    alive.send("ping");
    await expect.poll(async () => (await statusOf("inventory-alive")).lastSeenMsAgo).toBeLessThan(10_000);
    await runDurableObjectAlarm(hub());
    expect(await endpointsOf("inventory")).toEqual(["inventory-alive"]);
    alive.send({ type: "draining" });
  });
});

describe("versions", () => {
  test("are pushed to every agent, and what each says of them is kept", async () => {
    const [users, orders] = [await joined("users", "users-plan"), await joined("orders", "orders-plan")];
    const { version } = (await applyNext()).body;
    const [ofUsers, ofOrders] = [await users.take("plan"), await orders.take("plan")];
    expect([ofUsers.version, ofUsers.plan.service]).toEqual([version, "users"]);
    expect([ofOrders.version, ofOrders.plan.service]).toEqual([version, "orders"]);
    expect((await statusOf("users-plan")).state).toBe("behind");
    users.send({ type: "ack", version });
    orders.send({ type: "refuse", version, reason: "no room" });
    await expect.poll(async () => (await statusOf("users-plan")).state).toBe("current");
    await expect.poll(async () => (await statusOf("orders-plan")).state).toBe("refused");
    await evictDurableObject(hub());
    expect(await statusOf("orders-plan")).toMatchObject({ state: "refused", reason: "no room" });
    orders.send({ type: "ack", version });
    await expect.poll(async () => (await statusOf("orders-plan")).state).toBe("current");
    users.send({ type: "ack", version: version + 7 });
    users.send({ type: "ack", version });
    await expect.poll(async () => (await statusOf("users-plan")).version).toBe(version);
  });

  test("of a config store that was set back reach agents, though their numbers are lower", async () => {
    const orders = await joined("orders", "orders-back");
    await runInDurableObject(hub(), (_object, { storage }) => {
      const [row] = storage.sql.exec("SELECT text FROM texts WHERE name = 'summary'").toArray();
      const summary = JSON.parse(String(row?.text));
      const later = JSON.stringify({ ...summary, version: summary.version + 10 });
      storage.sql.exec("UPDATE texts SET text = ? WHERE name = 'summary'", later);
    });
    await evictDurableObject(hub());
    const { version } = (await applyNext()).body;
    expect((await orders.take("plan")).version).toBe(version);
    orders.send({ type: "ack", version });
    await expect.poll(async () => (await statusOf("orders-back")).state).toBe("current");
  });

  test("reach agents through a hub that was asleep", async () => {
    const orders = await joined("orders", "orders-asleep");
    await evictDurableObject(hub());
    const { version } = (await applyNext()).body;
    expect((await orders.take("plan")).version).toBe(version);
    await orders.take("endpoints");
  });
});

test("the second connection of an instance replaces the first", async () => {
  const first = await joined("orders", "orders-double");
  const second = await joined("orders", "orders-double");
  expect((await first.untilClosed()).code).toBe(closeCodes.replaced);
  const { version } = (await applyNext()).body;
  expect((await second.take("plan")).version).toBe(version);
  second.send({ type: "ack", version });
  await expect.poll(async () => (await statusOf("orders-double")).state).toBe("current");
});

test("a connection ends with its token, one without hello after a while", async () => {
  const brief = await connect(
    await token({ role: "agent", service: "orders", sub: "orders-brief" }, { exp: Math.floor(Date.now() / 1000) + 1 }),
  );
  brief.send(helloOf("orders-brief"));
  await brief.take("endpoints");
  const mute = await connect(await agentToken("orders", "orders-mute"));
  await runInDurableObject(hub(), (_object, ctx) => {
    for (const socket of ctx.getWebSockets("orders/orders-mute"))
      socket.serializeAttachment({ ...socket.deserializeAttachment(), openedAtMs: 0 });
    for (const socket of ctx.getWebSockets("orders/orders-brief"))
      socket.serializeAttachment({ ...socket.deserializeAttachment(), expiresAtMs: 0 });
  });
  await runDurableObjectAlarm(hub());
  expect((await mute.untilClosed()).reason).toBe("no hello in time");
  expect((await brief.untilClosed()).code).toBe(closeCodes.tokenExpired);
});

function withLabels(count: number, length: number): unknown {
  const labels = Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, "x".repeat(length)]));
  const hello = helloOf("orders-bad", 4003);
  return { ...hello, endpoint: { ...hello.endpoint, labels } };
}
