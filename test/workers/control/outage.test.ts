/** How long the fleet goes on without the control plane, and renewals ahead of their time. */
import { beforeAll, expect, test } from "vitest";
import type { AgentStatus } from "../../../shared/wire/admin.ts";
import { applyShop, call, connect, helloOf, joined, token } from "./support.ts";

const HOUR = 3_600_000;
const status = async () => (await call("GET", "/v1/status", "admin")).body;
const agentOf = async (instance: string): Promise<AgentStatus> =>
  (await status()).agents.find((agent: AgentStatus) => agent.instance === instance);
const alarms = async (): Promise<{ code: string; agent: string }[]> =>
  (await status()).alarms.filter(({ code }: { code: string }) => code === "outage_budget");

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

test("the status names the agent that ends first, and alarms below the bound", async () => {
  expect(await status()).not.toHaveProperty("outage");
  const earlier = await joined("orders", "orders-earlier");
  const { outage } = await status();
  expect(outage).toMatchObject({ instance: "orders-earlier", limitedBy: "certificate", boundMs: 12 * HOUR, below: 0 });
  expect(outage.budgetMs).toBeGreaterThan(23 * HOUR);

  const agent = await connect(await token({ role: "agent", service: "users", sub: "users-short" }));
  agent.send({ ...helloOf("users-short"), outage: { atMs: Date.now() + 2 * HOUR, by: "token" } });
  await agent.take("plan");
  expect((await status()).outage).toMatchObject({ service: "users", instance: "users-short", limitedBy: "token" });
  expect(await alarms()).toMatchObject([{ agent: "users/users-short", agents: 1 }]);

  agent.send({ type: "standing", outage: { atMs: Date.now() + 24 * HOUR, by: "certificate" } });
  await expect.poll(alarms).toEqual([]);
  agent.send({ type: "standing", outage: { atMs: Date.now() + HOUR, by: "certificate" } });
  await expect.poll(async () => (await alarms()).length).toBe(1);
  // Whoever is away may have ended, and is no alarm.
  agent.close();
  await expect.poll(alarms).toEqual([]);
  earlier.close();
});

test("agents are told to renew until they have said that they did", async () => {
  const [one, two] = await Promise.all([joined("orders", "orders-renews"), joined("users", "users-renews")]);
  const { status: code, body } = await call("POST", "/v1/agents/renew", "admin", { withinMs: 500 });
  expect([code, body.withinMs]).toEqual([202, 500]);
  expect(await one.take("renew")).toEqual({ type: "renew", id: body.id, withinMs: 500 });
  expect((await two.take("renew")).id).toBe(body.id);
  const outage = { atMs: Date.now() + 24 * HOUR, by: "certificate" };
  one.send({ type: "standing", outage, renewal: body.id });
  await expect.poll(async () => (await agentOf("orders-renews")).renewal).toBe(body.id);
  expect(await agentOf("users-renews")).not.toHaveProperty("renewal");

  await call("POST", "/v1/agents/renew", "admin", { id: body.id, withinMs: 0 });
  expect(await two.take("renew")).toMatchObject({ id: body.id, withinMs: 0 });
  expect(one.messages.map(({ type }) => type)).not.toContain("renew");
  const { entries } = (await call("GET", "/v1/audit", "admin")).body;
  expect(entries.filter(({ act }: { act: string }) => act === "agents-renew")).toMatchObject([{ by: "tester" }]);
  one.close();
  two.close();
});

test("one agent is told to leave", async () => {
  const one = await joined("orders", "orders-leaves");
  const who = { service: "orders", instance: "orders-leaves" };
  expect((await call("POST", "/v1/agents/drain", "admin", who)).status).toBe(202);
  expect(await one.take("drain")).toEqual({ type: "drain" });
  one.send({ type: "draining" });
  await expect.poll(async () => (await agentOf("orders-leaves")).phase).toBe("draining");
  one.close();
  await expect.poll(async () => (await call("POST", "/v1/agents/drain", "admin", who)).status).toBe(409);
  const { entries } = (await call("GET", "/v1/audit", "admin")).body;
  expect(entries.filter(({ act }: { act: string }) => act === "agent-drain")).toMatchObject([
    { by: "tester", detail: "orders/orders-leaves" },
  ]);
});

test.each([
  ["no token", undefined, {}, 401],
  ["a viewer's token", "viewer", { service: "orders", instance: "o" }, 403],
  ["an instance that nobody knows", "admin", { service: "orders", instance: "nobody" }, 409],
  ["a service alone", "admin", { service: "orders" }, 400],
  ["names that are none", "admin", { service: 1, instance: {} }, 400],
  ["a name without end", "admin", { service: "orders", instance: "x".repeat(10_000) }, 400],
])("a drain with %s is refused", async (_what, as, body, refusal) => {
  const bearer = as === "viewer" ? await token({ role: "viewer", sub: "looks" }) : as;
  expect((await call("POST", "/v1/agents/drain", bearer, body)).status).toBe(refusal);
});

test.each([
  ["no token", undefined, {}, 401],
  ["an agent's token", "agent", {}, 403],
  ["more time than there is", "admin", { withinMs: 3_600_001 }, 400],
  ["a time that is none", "admin", { withinMs: -1 }, 400],
  ["an id that was not made here", "admin", { id: "x" }, 400],
  ["no object", "admin", "[]", 400],
])("a renewal of all with %s is refused", async (_what, as, body, refusal) => {
  const bearer = as === "agent" ? await token({ role: "agent", service: "orders", sub: "orders-renews" }) : as;
  expect((await call("POST", "/v1/agents/renew", bearer, body)).status).toBe(refusal);
});
