import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { HubMessage } from "../../../shared/wire/hub.ts";
import type { KeyRingStatus, RotateRequest } from "../../../shared/wire/rotation.ts";
import { applyShop, authority, call, connect, helloOf, hub, type TestAgent, token } from "./support.ts";

type Trust = Extract<HubMessage, { type: "trust" }>;
type Kind = RotateRequest["key"];

const rotate = (key: Kind, more: object = {}) =>
  call("POST", "/v1/keys/rotate", "admin", { key, author: "ann", ...more });
const ringOf = async (kind: Kind): Promise<KeyRingStatus> =>
  (await call("GET", "/v1/status", "admin")).body.keys.find((ring: KeyRingStatus) => ring.kind === kind);
const stateOf = async (kind: Kind, kid: string) => (await ringOf(kind)).keys.find((key) => key.kid === kid)?.state;
const current = async (kind: Kind): Promise<string> =>
  (await ringOf(kind)).keys.find(({ state }) => state === "current")?.kid ?? "";
const leased = async (isolate = crypto.randomUUID(), held = {}) =>
  (await call("POST", "/v1/gateway/lease", "gateway", { isolate, version: 0, ...held })).body;
/** What the alarm does when its time has come. */
const look = () => runDurableObjectAlarm(authority());

async function agentOf(service: string, instance: string): Promise<{ agent: TestAgent; trust: Trust }> {
  const agent = await connect(await token({ role: "agent", service, sub: instance }));
  agent.send(helloOf(instance));
  return { agent, trust: await agent.take("trust") };
}

/** Before the authority was made. */
const startedAtMs = Date.now();

function setClock(nowMs: number): void {
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
}

const kids = (trust: Trust): string[] => trust.txnKeys.map(({ kid }) => kid);

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});
beforeEach(async () => {
  vi.restoreAllMocks();
  await runInDurableObject(hub(), (_object, { storage }) => void storage.sql.exec("DELETE FROM instances"));
  await evictDurableObject(hub(), { webSockets: "close" });
});

describe("a signing key", () => {
  test("reaches gateways when every agent says that it has it, and the old one is believed on", async () => {
    const before = await current("signing");
    const { agent: orders, trust } = await agentOf("orders", "orders-1");
    const { agent: users } = await agentOf("users", "users-1");
    expect(kids(trust)).toContain(before);
    const { status, body } = await rotate("signing");
    expect(status).toBe(202);
    const pushed = await orders.take("trust");
    expect(kids(pushed)).toEqual(expect.arrayContaining([before, body.kid]));
    expect((await leased()).signingKey.kid).toBe(before);
    orders.send({ type: "trusts", id: pushed.id ?? "" });
    await expect.poll(async () => (await ringOf("signing")).waitingFor).toEqual({ count: 1, named: ["users/users-1"] });
    await look();
    expect(await stateOf("signing", body.kid)).toBe("next");
    users.send({ type: "trusts", id: (await users.take("trust")).id ?? "" });
    await expect.poll(async () => (await ringOf("signing")).waitingFor.count).toBe(0);
    await look();
    expect(await stateOf("signing", body.kid)).toBe("current");
    expect(await stateOf("signing", before)).toBe("retired");
    expect((await leased()).signingKey.kid).toBe(body.kid);
    const late = await agentOf("inventory", "inventory-1");
    expect(kids(late.trust)).toEqual(expect.arrayContaining([before, body.kid]));
  });

  test("waits for an agent that is away, until it comes back", async () => {
    const { agent, trust } = await agentOf("orders", "orders-away");
    agent.send({ type: "trusts", id: trust.id ?? "" });
    agent.close();
    const { kid } = (await rotate("signing")).body;
    await look();
    expect(await stateOf("signing", kid)).toBe("next");
    const back = await agentOf("orders", "orders-away");
    expect(kids(back.trust)).toContain(kid);
    back.agent.send({ type: "trusts", id: back.trust.id ?? "" });
    await expect.poll(async () => (await ringOf("signing")).waitingFor.count).toBe(0);
    await look();
    expect(await stateOf("signing", kid)).toBe("current");
  });

  test("survives the death of the authority in the middle", async () => {
    const { agent } = await agentOf("orders", "orders-middle");
    const { kid } = (await rotate("signing")).body;
    await evictDurableObject(authority());
    expect(await stateOf("signing", kid)).toBe("next");
    agent.send({ type: "trusts", id: (await agent.take("trust")).id ?? "" });
    await expect.poll(async () => (await ringOf("signing")).waitingFor.count).toBe(0);
    await look();
    expect(await stateOf("signing", kid)).toBe("current");
  });

  test("is not replaced while another one is on its way, unless it is wanted now", async () => {
    await agentOf("orders", "orders-busy");
    const { kid } = (await rotate("signing")).body;
    const refused = await rotate("signing");
    expect([refused.status, refused.body.code]).toEqual([409, "rotation_refused"]);
    expect(refused.body.detail).toContain("waits for agents");
    const forced = (await rotate("signing", { now: true })).body;
    expect(await stateOf("signing", forced.kid)).toBe("current");
    expect(await stateOf("signing", kid)).toBeUndefined();
    expect((await leased()).signingKey.kid).toBe(forced.kid);
  });

  test("that was stolen is refused at once, and every other one with it", async () => {
    const { agent } = await agentOf("orders", "orders-theft");
    const { kid } = (await rotate("signing", { now: true, revoke: true })).body;
    expect(kids(await agent.take("trust"))).toEqual([kid]);
    expect((await ringOf("signing")).keys.map((key) => [key.kid, key.state])).toEqual([[kid, "current"]]);
    const before = { signingKey: "a-revoked-one", hopKey: await current("hop") };
    setClock(Date.now() + limits.keyRotation.takeoverMs + 1_000);
    expect((await leased("isolate-stolen", before)).signingKey.kid).toBe(kid);
  });

  test("is replaced by itself when it is old", async () => {
    const before = await current("signing");
    setClock(Date.now() + limits.keyRotation.everyMs);
    await look();
    expect(await current("signing")).not.toBe(before);
    expect(await stateOf("signing", before)).toBe("retired");
  });
});

describe("a hop key", () => {
  test("goes to ingress agents and gateways alone, and waits for ingresses alone", async () => {
    const before = await current("hop");
    const { agent: ingress, trust } = await agentOf("gateway", "ingress-1");
    const { agent: orders, trust: ofOrders } = await agentOf("orders", "orders-hop");
    expect(trust.hopKeys?.map(({ kid }) => kid)).toContain(before);
    expect(ofOrders.hopKeys).toBeUndefined();
    const { kid } = (await rotate("hop")).body;
    const pushed = await ingress.take("trust");
    expect(JSON.stringify(await orders.take("trust"))).not.toContain(kid);
    expect((await leased()).hopKey.kid).toBe(before);
    ingress.send({ type: "trusts", id: pushed.id ?? "" });
    await expect.poll(async () => (await ringOf("hop")).waitingFor.count).toBe(0);
    await look();
    const { hopKey } = await leased();
    expect(hopKey).toEqual(pushed.hopKeys?.find((key) => key.kid === kid));
  });

  test("names the ingress that it waits for, however many other agents lag", async () => {
    for (let at = 0; at <= limits.keyRotation.namedMax; at++) await agentOf("orders", `orders-lag-${at}`);
    await agentOf("gateway", "ingress-lag");
    await rotate("hop", { now: true });
    await rotate("hop");
    expect((await ringOf("hop")).waitingFor).toEqual({ count: 1, named: ["gateway/ingress-lag"] });
  });

  test("lies encrypted with the hub too", async () => {
    const { hopKey } = await leased();
    const rows = await runInDurableObject(hub(), (_object, { storage }) =>
      storage.sql.exec("SELECT * FROM texts").toArray(),
    );
    expect(JSON.stringify(rows)).toContain(hopKey.kid);
    expect(JSON.stringify(rows)).not.toContain(hopKey.key);
  });
});

test("gateways of an authority that was replaced go on with its keys until agents had the time to come", async () => {
  const held = { signingKey: "of-the-authority-before", hopKey: "too" };
  const fresh = await leased();
  setClock(startedAtMs);
  expect(await leased("isolate-former", held)).not.toHaveProperty("signingKey");
  setClock(startedAtMs + limits.keyRotation.takeoverMs + 1_000);
  const given = await leased("isolate-former", held);
  expect([given.signingKey.kid, given.hopKey.kid]).toEqual([fresh.signingKey.kid, fresh.hopKey.kid]);
});

describe("the call", () => {
  test.each([
    ["nothing", {}],
    ["another kind", { key: "root", author: "ann" }],
    ["revoke without now", { key: "hop", author: "ann", revoke: true }],
  ])("with %s is refused", async (_name, body) => {
    expect((await call("POST", "/v1/keys/rotate", "admin", body)).status).toBe(400);
  });

  test("is for administrators, and in the audit log", async () => {
    expect((await call("POST", "/v1/keys/rotate", "gateway", { key: "hop", author: "x" })).status).toBe(403);
    const { kid } = (await rotate("hop", { now: true })).body;
    const [entry] = (await call("GET", "/v1/audit", "admin")).body.entries;
    expect(entry).toMatchObject({ act: "key-rotate", author: "ann", detail: `hop key ${kid}, at once` });
  });
});
