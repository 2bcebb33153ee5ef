/** Three hubs and a registry a service: who is told what, whatever sleeps, starts anew or changes its number. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import { applyShop, bindings, call, connect, helloOf, TestAgent, token } from "../control/support.ts";
import { allHubs, type Changes, caller, greet, hubAt, nameAt, namesOf, viewOf } from "./support.ts";

const registry = (service: string) => bindings.REGISTRY.getByName(service);
const seen = ({ service, epoch, revision }: Changes["views"][number]): AgentMessage => ({
  type: "seen",
  views: [{ service, epoch, revision }],
});
const listed = async (service: string): Promise<string[]> =>
  ((await call("GET", "/v1/services", "admin")).body.services[service] ?? []).map(
    ({ instance }: { instance: string }) => instance,
  );

/** Leaves, so that nothing of it changes later. */
async function leave(agent: TestAgent, instance: string): Promise<void> {
  agent.send({ type: "draining" });
  agent.close();
  await expect.poll(() => listed("inventory")).not.toContain(instance);
}

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

test("a change reaches callers of every hub as what changed, and of no other service", async () => {
  const callers = await Promise.all(allHubs.map((index) => caller(nameAt("orders", index))));
  const inventory = await greet("inventory", "inventory-1", 4100);
  inventory.send({ type: "ready" });
  for (const { agent, view } of callers) {
    const change = await viewOf(agent, "inventory");
    expect(change).toMatchObject({ from: view.revision, put: [{ instance: "inventory-1", port: 4100 }], remove: [] });
    expect(change.ack).toBeUndefined();
    expect(agent.messages.filter(({ type }) => type === "changes" || type === "endpoints")).toEqual([]);
  }
  inventory.send({ type: "draining" });
  for (const { agent } of callers) agent.send(seen(await viewOf(agent, "inventory")));
  await inventory.take("drained");
  for (const { agent } of callers) agent.close();
  await leave(inventory, "inventory-1");
});

describe("an agent that says what it holds", () => {
  test("is told what changed meanwhile, or that nothing did", async () => {
    const name = nameAt("orders", 1, "-resumes");
    const { agent, view } = await caller(name);
    agent.close();
    const { service, epoch, revision } = view;
    const again = await greet("orders", name, 0, [{ service, epoch, revision }]);
    expect(await viewOf(again, service)).toMatchObject({ from: revision, revision, put: [], remove: [] });
    again.close();
    const inventory = await greet("inventory", "inventory-2", 4200);
    inventory.send({ type: "ready" });
    await expect.poll(() => listed("inventory")).toContain("inventory-2");
    const third = await greet("orders", name, 0, [{ service, epoch, revision }]);
    await third.until(() => third.messages.some((one) => one.type === "changes" && one.views.some(hasPut)));
    expect(third.messages.flatMap((one) => (one.type === "changes" ? one.views : [])).filter(hasPut)).toMatchObject([
      { from: revision, put: [{ instance: "inventory-2" }] },
    ]);
    third.close();
    await leave(inventory, "inventory-2");
  });

  test.each([
    ["of another registry", { epoch: "other", revision: 1 }],
    ["of a revision that never was", { epoch: "", revision: 999_999 }],
  ])("%s is told everything", async (_name, held) => {
    const agent = await greet("orders", nameAt("orders", 2, "-other"), 0, [{ service: "inventory", ...held }]);
    expect((await viewOf(agent, "inventory")).from).toBeUndefined();
    agent.close();
  });

  test("and misses something asks for it", async () => {
    const { agent, view } = await caller(nameAt("orders", 0, "-misses"));
    agent.send({ type: "resync", views: [{ service: "inventory", epoch: view.epoch, revision: view.revision }] });
    expect(await viewOf(agent, "inventory")).toMatchObject({ from: view.revision });
    agent.send({ type: "resync", views: [{ service: "orders", epoch: "x", revision: 0 }] });
    agent.send({ type: "resync", views: [{ service: "inventory", epoch: "x", revision: 0 }] });
    const { views } = await agent.take("changes");
    // What it may not call it is not told.
    expect(views).toEqual([]);
    expect((await viewOf(agent, "inventory")).from).toBeUndefined();
    agent.close();
  });
});

test("a restart of all hubs: views are as before, resumed without a whole one and without a plan", async () => {
  const inventory = await greet("inventory", "inventory-stays", 4300);
  inventory.send({ type: "ready" });
  const names = allHubs.map((index) => nameAt("orders", index, "-restarts"));
  await expect
    .poll(async () => {
      const all = await Promise.all(names.map(caller));
      for (const { agent } of all) agent.close();
      return all.map(({ view }) => namesOf(view));
    })
    .toEqual(names.map(() => ["inventory-stays"]));
  const before = await Promise.all(names.map(caller));
  const { version } = (await call("GET", "/v1/status", "admin")).body;
  for (const index of allHubs) await evictDurableObject(hubAt(index), { webSockets: "close" });
  const again = await Promise.all(
    names.map(async (name, at) => {
      const agent = await connect(await token({ role: "agent", service: "orders", sub: name }));
      const { service, epoch, revision } = (before[at] as (typeof before)[0]).view;
      agent.send({ ...helloOf(name, 0, version), views: [{ service, epoch, revision }] });
      return agent;
    }),
  );
  for (const [at, agent] of again.entries()) {
    const told = await viewOf(agent, "inventory");
    expect(told).toMatchObject({ from: before[at]?.view.revision, put: [], remove: [] });
    expect(agent.messages.map(({ type }) => type)).toEqual(["trust"]);
    agent.close();
  }
  expect(await listed("inventory")).toContain("inventory-stays");
});

describe("an instance that drains", () => {
  async function drains(name: string) {
    const callers = await Promise.all(allHubs.map((index) => caller(nameAt("orders", index, `-${name}`))));
    const leaves = await greet("inventory", name, 4400);
    leaves.send({ type: "ready" });
    for (const { agent } of callers) while (!namesOf(await viewOf(agent, "inventory")).includes(name));
    leaves.send({ type: "draining" });
    const views = await Promise.all(callers.map(({ agent }) => viewOf(agent, "inventory")));
    for (const view of views) expect(view).toMatchObject({ remove: [name], ack: true });
    return { leaves, agents: callers.map(({ agent }) => agent), views };
  }
  const isReleased = (agent: TestAgent): boolean => agent.messages.some(({ type }) => type === "drained");

  test("is released by the last caller's word, and not before", async () => {
    const { leaves, agents, views } = await drains("inventory-word");
    for (const [at, agent] of agents.slice(0, -1).entries()) agent.send(seen(views[at] as Changes["views"][number]));
    await scheduler.wait(300);
    expect(isReleased(leaves)).toBe(false);
    agents.at(-1)?.send(seen(views.at(-1) as Changes["views"][number]));
    await leaves.take("drained");
    for (const agent of [...agents, leaves]) agent.close();
  });

  test("waits for a caller that is lost until its grace is over", async () => {
    const { leaves, agents, views } = await drains("inventory-lost");
    agents[0]?.close();
    for (const at of [1, 2]) agents[at]?.send(seen(views[at] as Changes["views"][number]));
    await scheduler.wait(300);
    expect(isReleased(leaves)).toBe(false);
    const startMs = Date.now();
    await leaves.take("drained");
    expect(Date.now() - startMs).toBeLessThan(limits.control.drainBoundMs);
    for (const agent of [...agents, leaves]) agent.close();
  });

  test("waits for a caller that says nothing no longer than the bound", async () => {
    const { leaves, agents, views } = await drains("inventory-mute");
    for (const at of [1, 2]) agents[at]?.send(seen(views[at] as Changes["views"][number]));
    const startMs = Date.now();
    await leaves.take("drained");
    expect(Date.now() - startMs).toBeGreaterThan(limits.control.drainBoundMs / 2);
    for (const agent of [...agents, leaves]) agent.close();
  });

  test.each(["hubs", "the registry"])("is released though %s slept meanwhile", async (which) => {
    const { leaves, agents, views } = await drains(`inventory-${which.length}`);
    if (which === "hubs") for (const index of allHubs) await evictDurableObject(hubAt(index));
    else await evictDurableObject(registry("inventory"));
    for (const [at, agent] of agents.entries()) agent.send(seen(views[at] as Changes["views"][number]));
    // Hubs that slept ask again, for what was said before may have been forgotten.
    if (which === "hubs") for (const agent of agents) agent.send(seen(await viewOf(agent, "inventory")));
    await leaves.take("drained");
    for (const agent of [...agents, leaves]) agent.close();
  });

  test("is not held up by agents that take whole views", async () => {
    const old = await connect(await token({ role: "agent", service: "orders", sub: "orders-old" }));
    old.send(helloOf("orders-old"));
    await old.take("endpoints");
    const { leaves, agents, views } = await drains("inventory-old");
    for (const [at, agent] of agents.entries()) agent.send(seen(views[at] as Changes["views"][number]));
    await leaves.take("drained");
    for (const agent of [...agents, leaves, old]) agent.close();
  });
});

test("a registry that lost what it knew asks the hubs, and callers lose nothing", async () => {
  const { agent, view } = await caller(nameAt("orders", 1, "-keeps"));
  const inventory = await greet("inventory", "inventory-kept", 4500);
  inventory.send({ type: "ready" });
  while (!namesOf(await viewOf(agent, "inventory")).includes("inventory-kept"));
  await runInDurableObject(registry("inventory"), async (_object, { storage }) => {
    await storage.deleteAlarm();
    for (const table of ["views", "entries", "members", "hubs", "about"]) storage.sql.exec(`DELETE FROM ${table}`);
  });
  await evictDurableObject(registry("inventory"));
  const other = await greet("inventory", "inventory-new", 4501);
  other.send({ type: "ready" });
  await expect.poll(() => listed("inventory")).toContain("inventory-new");
  // Hubs hear of it with their next look around at the latest.
  for (const index of allHubs) {
    await runInDurableObject(hubAt(index), (_object, { storage }) => void storage.sql.exec("DELETE FROM times"));
    await runDurableObjectAlarm(hubAt(index));
  }
  const told = await viewOf(agent, "inventory");
  expect([told.from, told.epoch === view.epoch]).toEqual([undefined, false]);
  expect(namesOf(told)).toEqual(expect.arrayContaining(["inventory-kept", "inventory-new"]));
  for (const one of [agent, inventory, other]) one.close();
});

test("an agent that another hub has by now is sent there, and one that is away is remembered there", async () => {
  const [name, away] = [nameAt("users", 1), nameAt("users", 1, "-away")];
  // Hub 2 has them from a time when there were other hubs.
  const open = async (sub: string): Promise<TestAgent> => {
    const id = crypto.randomUUID();
    const times = { openedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
    const connection = JSON.stringify({ id, service: "users", instance: sub, ...times });
    const headers = { upgrade: "websocket", "selvage-connection": connection };
    const answer = await hubAt(2).fetch("http://hub/v1/agents/connect", { headers });
    const agent = new TestAgent(answer.webSocket as WebSocket);
    agent.send({ ...helloOf(sub), views: [] });
    await agent.take("changes");
    return agent;
  };
  const [here, gone] = [await open(name), await open(away)];
  gone.close();
  const ofHub = async (index: number): Promise<string[]> =>
    (await hubAt(index).status()).instances.map(({ instance }) => instance);
  await expect
    .poll(
      async () =>
        (await call("GET", "/v1/status", "admin")).body.agents.find(
          (one: { instance: string }) => one.instance === away,
        )?.state,
    )
    .toBe("offline");
  await runDurableObjectAlarm(hubAt(2));
  expect((await here.untilClosed()).reason).toBe("another hub has this agent");
  await expect.poll(() => ofHub(1)).toContain(away);
  expect(await ofHub(2)).not.toContain(away);
});

test("what the one hub kept, when there were no others, reaches callers", async () => {
  const { agent } = await caller(nameAt("orders", 2, "-upgraded"));
  const name = nameAt("inventory", 1, "-before");
  const known = {
    ...{ service: "inventory", instance: name, phase: "ready", connection: "gone", connected: true, visible: true },
    endpoint: { instance: name, host: "127.0.0.1", port: 4700, labels: {} },
    ...{ leaseEndsAtMs: Date.now(), confirmByMs: 0, lastHeardMs: Date.now(), certificateNotAfterMs: 0, planVersion: 1 },
  };
  await runInDurableObject(hubAt(0), (_object, { storage }) => {
    storage.sql.exec("INSERT INTO instances VALUES (?, ?)", `inventory/${name}`, JSON.stringify(known));
    storage.sql.exec("DELETE FROM times");
  });
  await evictDurableObject(hubAt(0), { webSockets: "hibernate" });
  await runDurableObjectAlarm(hubAt(0));
  while (!namesOf(await viewOf(agent, "inventory")).includes(name));
  // It comes back, to the hub that it belongs to; the first one's lease of it ends unheard.
  const back = await greet("inventory", name, 4700);
  back.send({ type: "ready" });
  await expect
    .poll(async () => (await hubAt(1).status()).instances.find((one) => one.instance === name)?.phase)
    .toBe("ready");
  await scheduler.wait(200);
  await runInDurableObject(hubAt(0), (_object, { storage }) => {
    const state = JSON.stringify({ ...known, connected: false, leaseEndsAtMs: 1 });
    storage.sql.exec("UPDATE instances SET state = ? WHERE key = ?", state, `inventory/${name}`);
  });
  await evictDurableObject(hubAt(0), { webSockets: "hibernate" });
  await runDurableObjectAlarm(hubAt(0));
  await scheduler.wait(200);
  const fresh = await caller(nameAt("orders", 0, "-upgraded"));
  expect(namesOf(fresh.view)).toContain(name);
  for (const one of [agent, back, fresh.agent]) one.close();
});

test("a hub that nobody ever told asks for the live plan", async () => {
  await runInDurableObject(hubAt(0), (_object, { storage }) => void storage.sql.exec("DELETE FROM texts"));
  await evictDurableObject(hubAt(0), { webSockets: "close" });
  const agent = await greet("users", nameAt("users", 0, "-fresh"));
  expect((await agent.take("plan")).version).toBe((await call("GET", "/v1/status", "admin")).body.version);
  agent.close();
});

test("a hub that is busy with hellos asks more agents to come back, and keeps what they offer", async () => {
  const name = nameAt("inventory", 0, "-busy");
  const inventory = await greet("inventory", name, 4600);
  inventory.send({ type: "ready" });
  await expect.poll(() => listed("inventory")).toContain(name);
  inventory.close();
  await scheduler.wait(50);
  const key = await token({ role: "agent", service: "orders", sub: nameAt("orders", 0, "-mute") });
  const waiting: TestAgent[] = [];
  for (let at = 0; at < limits.control.hellosAtOnceMax; at++) {
    const times = { openedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
    const connection = JSON.stringify({ id: `m${at}`, service: "orders", instance: `mute-${at}`, ...times });
    const headers = { upgrade: "websocket", "selvage-connection": connection };
    const { webSocket } = await hubAt(0).fetch("http://hub/v1/agents/connect", { headers });
    if (webSocket !== null) waiting.push(new TestAgent(webSocket));
  }
  expect(await connect(key).catch(String)).toContain("503");
  const back = connect(await token({ role: "agent", service: "inventory", sub: name }));
  expect(await back.catch(String)).toContain("503");
  const { body } = await call("GET", "/v1/services", "admin");
  const kept = body.services.inventory.find((one: { instance: string }) => one.instance === name);
  expect(kept.leaseEndsInMs).toBeGreaterThan(limits.control.reconnectGraceMs);
  for (const agent of waiting) agent.close();
});

function hasPut(view: Changes["views"][number]): boolean {
  return view.put.length > 0;
}
