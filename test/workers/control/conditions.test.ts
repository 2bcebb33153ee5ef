/** What gateways and agents say of themselves: secrets that they lack, sources of endpoints. */
import { beforeAll, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { closeCodes } from "../../../workers/control/objects/hub-messages.ts";
import { applyShop, call, joined } from "./support.ts";

const status = async () => (await call("GET", "/v1/status", "admin")).body;
const lease = (isolate: string, missingSecrets?: unknown) =>
  call("POST", "/v1/gateway/lease", "gateway", {
    isolate,
    version: 1,
    ...(missingSecrets !== undefined && { missingSecrets }),
  });
const alarms = async () => (await status()).alarms;

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

test("a secret that gateways and agents lack is one alarm, until they have it or leave", async () => {
  await lease("isolate-a", ["API_KEY"]);
  await lease("isolate-b", ["API_KEY", "OTHER"]);
  const agent = await joined("orders", "orders-1");
  agent.send({ type: "condition", missingSecrets: ["API_KEY"], sources: [] });
  await expect.poll(alarms).toMatchObject([
    { code: "secret_missing", secret: "API_KEY", gateways: 2, services: ["orders"] },
    { code: "secret_missing", secret: "OTHER", gateways: 1, services: [] },
  ]);
  const [first] = await alarms();
  expect(first.text).toBe("secret `API_KEY` is missing at the gateway, agents of `orders`: SECRET_API_KEY is not set");
  await lease("isolate-a");
  await lease("isolate-b");
  await expect.poll(alarms).toMatchObject([{ secret: "API_KEY", gateways: 0, services: ["orders"] }]);
  agent.close();
  await expect.poll(alarms).toEqual([]);
});

test("sources are told with the agent that asks them, as it said last", async () => {
  const agent = await joined("orders", "orders-2");
  const source = { service: "users", kind: "dns" as const, endpoints: 2 };
  agent.send({ type: "condition", missingSecrets: [], sources: [source] });
  agent.send({ type: "condition", missingSecrets: [], sources: [{ ...source, error: "SERVFAIL", goodAtMs: 5 }] });
  const own = async () => (await status()).agents.find(({ instance }: { instance: string }) => instance === "orders-2");
  await expect
    .poll(own)
    .toMatchObject({ sources: [{ service: "users", kind: "dns", endpoints: 2, error: "SERVFAIL", goodAtMs: 5 }] });
  expect(await own()).not.toHaveProperty("missingSecrets");
  agent.close();
});

test.each([
  ["a name that is none", ["a b"]],
  ["a name that is too long", ["x".repeat(limits.wire.secretNameCharsMax + 1)]],
  ["too many", Array.from({ length: limits.gateway.missingSecretsMax + 1 }, (_, at) => `S${at}`)],
])("%s is refused", async (_what, names) => {
  expect((await lease("isolate-c", names)).status).toBe(400);
  const agent = await joined("orders", "orders-3");
  agent.send({ type: "condition", missingSecrets: names, sources: [] });
  expect((await agent.untilClosed()).code).toBe(closeCodes.policy);
});
