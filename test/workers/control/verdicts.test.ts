/** What callers see together: reports over sockets, verdicts in the API, advice to callers. */
import { evictDurableObject } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import type { Seen } from "../../../shared/policy/caller-view.ts";
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import { closeCodes } from "../../../workers/control/objects/hub-messages.ts";
import { applyShop, bindings, call, joined, type TestAgent } from "./support.ts";

const status = async () => (await call("GET", "/v1/status", "admin")).body;
const verdicts = async () => (await status()).verdicts ?? [];
const endpointOf = async (instance: string) =>
  (await call("GET", "/v1/services", "admin")).body.services.inventory?.find(
    (one: { instance: string }) => one.instance === instance,
  );

function observed(
  seen: Readonly<Record<string, Seen>>,
  requests = 0,
  retries = 0,
  service = "inventory",
): AgentMessage {
  const endpoints = Object.entries(seen).map(([instance, one]) => ({ instance, seen: one, good: 1, failed: 9 }));
  return { type: "observed", services: [{ service, requests, retries, endpoints }] };
}

async function ready(instance: string, port: number): Promise<TestAgent> {
  const agent = await joined("inventory", instance, port);
  agent.send({ type: "ready" });
  await expect.poll(() => endpointOf(instance)).toBeDefined();
  return agent;
}

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

test("most callers see an instance failing: all are advised, until they see it well", async () => {
  const instances = await Promise.all([ready("inventory-1", 7001), ready("inventory-7", 7007)]);
  const callers = await Promise.all(["a", "b", "c", "d"].map((name) => joined("orders", `orders-${name}`)));
  const [a, b, c, d] = callers as [TestAgent, TestAgent, TestAgent, TestAgent];
  a.send(observed({ "inventory-7": "failing" }));
  d.send(observed({ "inventory-7": "well", "inventory-1": "well" }));
  await expect
    .poll(verdicts, { timeout: 5_000 })
    .toMatchObject([
      { service: "inventory", instance: "inventory-7", failing: 1, callers: 2, only: "orders/orders-a" },
    ]);

  // What callers said outlives the registry's memory.
  await evictDurableObject(bindings.REGISTRY.getByName("inventory"));
  for (const one of [b, c]) one.send(observed({ "inventory-7": "failing" }));
  await expect.poll(async () => (await verdicts())[0]?.failing, { timeout: 5_000 }).toBe(3);
  const found = { failing: 3, callers: 4, attempts: 30, failures: 27, advised: true };
  expect(await verdicts()).toMatchObject([found]);
  expect((await endpointOf("inventory-7")).verdict).toMatchObject(found);
  expect(await endpointOf("inventory-1")).not.toHaveProperty("verdict");
  for (const one of callers) {
    await one.until(() => one.messages.some((message) => message.type === "advice" && message.avoid.length > 0));
    const advice = one.messages.flatMap((message) => (message.type === "advice" ? [message] : []));
    expect(advice.at(-1)).toMatchObject({ service: "inventory", avoid: ["inventory-7"] });
    one.messages.length = 0;
  }

  for (const one of [a, b, c]) one.send(observed({ "inventory-7": "well" }));
  await expect.poll(verdicts, { timeout: 5_000 }).toEqual([]);
  await d.until(() => d.messages.some((message) => message.type === "advice" && message.avoid.length === 0));
  for (const agent of [...instances, ...callers]) agent.close();
});

test("too many retries are an alarm, over all callers", async () => {
  const callers = await Promise.all(["x", "y"].map((name) => joined("orders", `orders-${name}`)));
  for (const one of callers) one.send(observed({}, 400, 80));
  const alarms = async () => (await status()).alarms.filter(({ code }: { code: string }) => code === "retries_high");
  await expect
    .poll(alarms, { timeout: 5_000 })
    .toMatchObject([{ service: "inventory", text: expect.stringContaining("17 % of all attempts at `inventory`") }]);
  for (const one of callers) one.close();
});

test("nobody is heard about a service that it may not call", async () => {
  const instance = await ready("inventory-2", 7002);
  const strangers = await Promise.all(["p", "q"].map((name) => joined("users", `users-${name}`)));
  for (const one of strangers) one.send(observed({ "inventory-2": "failing" }));
  const caller = await joined("orders", "orders-z");
  caller.send(observed({ "inventory-2": "failing" }));
  await expect.poll(async () => (await verdicts()).length, { timeout: 5_000 }).toBe(1);
  expect(await verdicts()).toMatchObject([{ instance: "inventory-2", failing: 1, callers: 1 }]);
  for (const agent of [instance, caller, ...strangers]) agent.close();
});

test.each([
  ["no list", { type: "observed" }],
  ["a count below nothing", { ...observed({}), services: [{ service: "s", requests: -1, retries: 0, endpoints: [] }] }],
  [
    "a word that is none",
    {
      type: "observed",
      services: [
        { service: "s", requests: 0, retries: 0, endpoints: [{ instance: "i", seen: "odd", good: 0, failed: 0 }] },
      ],
    },
  ],
  [
    "too many services",
    { type: "observed", services: Array(101).fill({ service: "s", requests: 0, retries: 0, endpoints: [] }) },
  ],
])("a report with %s ends the connection", async (_what, message) => {
  const agent = await joined("orders", "orders-odd");
  agent.send(JSON.stringify(message));
  expect((await agent.untilClosed()).code).toBe(closeCodes.policy);
});
