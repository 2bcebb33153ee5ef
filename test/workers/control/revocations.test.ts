import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  applyDocument,
  applyShop,
  call,
  configStore,
  connect,
  helloOf,
  hub,
  shop,
  type TestAgent,
  token,
} from "./support.ts";

beforeEach(async () => {
  // It passes over an object now and then.
  do await reset();
  while ((await configStore().status()).version > 0);
  await applyShop();
});
afterEach(() => vi.restoreAllMocks());

const revoke = (body: object) => call("POST", "/v1/revocations", "admin", { author: "ann", ...body });
const list = async () => (await call("GET", "/v1/revocations", "admin")).body;
const lease = async (revocations?: number) =>
  (await call("POST", "/v1/gateway/lease", "gateway", { isolate: "isolate-1", version: 1, revocations })).body;
const issuer = "https://i.example/";

test("each form is taken, listed, given to gateways, and taken back", async () => {
  const made = [];
  for (const target of [{ jti: "t1" }, { sub: "alice", issuer }, { issuer, issuedBefore: 100 }]) {
    const { status, body } = await revoke({ ...target, reason: "lost" });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...target,
      author: "ann",
      reason: "lost",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(body.expiresAtMs - body.createdAtMs).toBe(limits.control.revocationLifetimeMs);
    made.push(body);
  }
  expect(await list()).toEqual({ revision: 3, revocations: [...made].reverse() });
  const entry = ({ expiresAtMs }: { expiresAtMs: number }) => expiresAtMs;
  expect((await lease()).revocations).toEqual({
    revision: 3,
    entries: [
      { issuer, issuedBefore: 100, expiresAtMs: entry(made[2]) },
      { sub: "alice", issuer, expiresAtMs: entry(made[1]) },
      { jti: "t1", expiresAtMs: entry(made[0]) },
    ],
  });
  expect((await lease(3)).revocations).toBeUndefined();
  const removed = await call("DELETE", `/v1/revocations/${made[1].id}`, "admin");
  expect([removed.status, removed.body]).toEqual([200, made[1]]);
  expect((await lease(3)).revocations).toMatchObject({ revision: 4, entries: [{ issuer }, { jti: "t1" }] });
  expect((await call("DELETE", `/v1/revocations/${made[1].id}`, "admin")).body.code).toBe("revocation_unknown");
  const { entries } = (await call("GET", "/v1/audit", "admin")).body;
  expect(entries.map(({ act }: { act: string }) => act)).toEqual(["unrevoke", "revoke", "revoke", "revoke", "apply"]);
  expect(entries[1]).toMatchObject({ by: "tester", author: "ann", detail: expect.stringContaining("(lost)") });
});

test("without any, leases carry none", async () => {
  expect((await lease()).revocations).toBeUndefined();
  expect(await list()).toEqual({ revision: 0, revocations: [] });
});

describe("is refused", () => {
  test.each<[string, object]>([
    ["nothing", {}],
    ["an empty id", { jti: "" }],
    ["a subject of nobody", { sub: "alice" }],
    ["a whole issuer", { issuer }],
    ["two forms at once", { jti: "t", sub: "alice", issuer }],
    ["a member that is none", { jti: "t", isuer: issuer }],
    ["a time that is none", { issuer, issuedBefore: "now" }],
    ["a long name", { jti: "x".repeat(limits.identity.nameCharsMax + 1) }],
    ["a life of nothing", { jti: "t", lifetimeMs: 0 }],
    ["a life without end", { jti: "t", lifetimeMs: limits.control.revocationLifetimeMaxMs + 1 }],
  ])("%s", async (_, body) => {
    expect((await revoke(body)).status).toBe(400);
    expect((await list()).revision).toBe(0);
  });

  test.each([
    ["POST", "/v1/revocations"],
    ["GET", "/v1/revocations"],
    ["DELETE", "/v1/revocations/00000000-0000-0000-0000-000000000000"],
  ])("%s %s by anybody but an administrator", async (method, path) => {
    const agent = await token({ role: "agent", service: "orders", sub: "orders-1" });
    for (const as of [agent, "gateway"]) expect((await call(method, path, as)).body.code).toBe("role_missing");
    expect((await call(method, path)).status).toBe(401);
  });
});

test("what has ended is forgotten", async () => {
  await revoke({ jti: "short", lifetimeMs: 1_000 });
  await revoke({ jti: "long" });
  const later = Date.now() + 1_000;
  vi.spyOn(Date, "now").mockReturnValue(later);
  const { revocations } = await configStore().revocations();
  expect(revocations.map(({ jti }) => jti)).toEqual(["long"]);
});

test("a full list refuses, and says so", async () => {
  const big = { issuer: `https://${"i".repeat(1_000)}/`, author: "ann" };
  const store = configStore();
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  let made = 0;
  let refused: object | undefined;
  while (refused === undefined && made < limits.control.revocationsMax + 1) {
    const answer = await store.revoke({ ...big, issuedBefore: made }, "tester");
    if ("refused" in answer) refused = answer.refused;
    else made++;
  }
  expect(refused).toMatchObject({ code: "revocations_full" });
  expect(made).toBeGreaterThan(limits.control.revocationBytesMax / 1_045 - 1);
  expect(made).toBeLessThan(limits.control.revocationBytesMax / 1_040);
  const { status, body } = await revoke({ ...big, issuedBefore: 0 });
  expect([status, body.code]).toEqual([409, "revocations_full"]);
});

describe("agents", () => {
  const exposed = (timeout = "9s") => {
    const document = shop(timeout) as { gateway: object; mesh: { services: Record<string, object> } };
    const routes = [{ name: "open", match: { path: "/open" }, auth: "login" }];
    const identity = { login: { jwt: { issuer, audience: "shop" } } };
    const orders = { ...document.mesh.services.orders, expose: { hosts: ["localhost"], routes } };
    const services = { ...document.mesh.services, orders };
    return { ...document, gateway: { ...document.gateway, identity }, mesh: { ...document.mesh, services } };
  };
  const join = async (service: string, instance = `${service}-1`): Promise<TestAgent> => {
    const agent = await connect(await token({ role: "agent", service, sub: instance }));
    agent.send(helloOf(instance));
    await agent.take("endpoints");
    return agent;
  };
  const types = ({ messages }: TestAgent) => messages.map(({ type }) => type);

  test("that face the outside get them with their hello, and whenever they change; others never do", async () => {
    await revoke({ jti: "before" });
    const [orders, users] = [await join("orders"), await join("users")];
    expect(types(orders)).not.toContain("revocations");
    expect((await applyDocument(exposed())).status).toBe(201);
    // It has them before it hears that it opens.
    expect(await orders.take("revocations")).toMatchObject({ revision: 1, entries: [{ jti: "before" }] });
    await orders.take("plan");
    const { body } = await revoke({ sub: "alice", issuer });
    const { revision, entries } = await orders.take("revocations");
    expect([revision, entries]).toMatchObject([2, [{ sub: "alice", issuer }, { jti: "before" }]]);
    await call("DELETE", `/v1/revocations/${body.id}`, "admin");
    expect(await orders.take("revocations")).toMatchObject({ revision: 3, entries: [{ jti: "before" }] });
    await evictDurableObject(hub(), { webSockets: "hibernate" });
    const again = await join("orders", "orders-2");
    expect(types(again).slice(0, 3)).toEqual(["trust", "revocations", "plan"]);
    expect(await again.take("revocations")).toMatchObject({ revision: 3, entries: [{ jti: "before" }] });
    expect(types(users)).not.toContain("revocations");
    for (const agent of [orders, users, again]) agent.close();
  });

  test("are told that nothing is revoked, and what the hub did not hear at once comes by the alarm", async () => {
    await applyDocument(exposed());
    const orders = await join("orders");
    expect(await orders.take("revocations")).toMatchObject({ revision: 0, entries: [] });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await runInDurableObject(hub(), (object) => {
      vi.spyOn(Object.getPrototypeOf(object), "revoked").mockRejectedValueOnce(new Error("away"));
    });
    expect((await revoke({ jti: "late" })).status).toBe(201);
    expect(log).toHaveBeenCalledWith(expect.stringContaining("away"));
    expect(types(orders)).not.toContain("revocations");
    expect(await runDurableObjectAlarm(configStore())).toBe(true);
    expect(await orders.take("revocations")).toMatchObject({ revision: 1, entries: [{ jti: "late" }] });
    orders.close();
  });

  test.each([0, 1, 10])("hear of a store that was set back by %i revisions and more", async (more) => {
    await applyDocument(exposed());
    await revoke({ jti: "one" });
    await runInDurableObject(hub(), (_object, { storage }) => {
      const text = JSON.stringify({ revision: 2 + more, entries: [{ jti: "lost", expiresAtMs: Date.now() + 60_000 }] });
      storage.sql.exec("UPDATE texts SET text = ? WHERE name = 'revocations'", text);
    });
    await evictDurableObject(hub());
    const orders = await join("orders");
    expect(await orders.take("revocations")).toMatchObject({ entries: [{ jti: "lost" }] });
    await revoke({ jti: "two" });
    const revision = 3 + more;
    expect(await orders.take("revocations")).toMatchObject({ revision, entries: [{ jti: "two" }, { jti: "one" }] });
    await revoke({ jti: "three" });
    expect(await orders.take("revocations")).toMatchObject({ revision: revision + 1 });
    orders.close();
  });

  test("hear later of what was revoked, and not heard of, while a version was on its way", async () => {
    await applyDocument(exposed());
    const orders = await join("orders");
    await orders.take("revocations");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const way = { isBegun: false, isFree: false };
    await runInDurableObject(hub(), (object) => {
      const all = Object.getPrototypeOf(object);
      const publish = all.publish;
      vi.spyOn(all, "publish").mockImplementationOnce(async function (this: unknown, publication: unknown) {
        way.isBegun = true;
        while (!way.isFree) await scheduler.wait(5);
        return publish.call(this, publication);
      });
      vi.spyOn(all, "revoked").mockRejectedValueOnce(new Error("away"));
    });
    const applying = applyDocument(exposed("10s"));
    await expect.poll(() => way.isBegun).toBe(true);
    await revoke({ jti: "meanwhile" });
    way.isFree = true;
    await applying;
    // With the version comes what the hub knew.
    expect(await orders.take("revocations")).toMatchObject({ entries: [] });
    expect(await runDurableObjectAlarm(configStore())).toBe(true);
    expect(await orders.take("revocations")).toMatchObject({ entries: [{ jti: "meanwhile" }] });
    orders.close();
  });

  test("do not go back to an older list that comes late", async () => {
    await applyDocument(exposed());
    await revoke({ jti: "one" });
    const orders = await join("orders");
    await orders.take("revocations");
    await hub().revoked({ revision: 1, entries: [] });
    await revoke({ jti: "two" });
    expect(await orders.take("revocations")).toMatchObject({ revision: 2, entries: [{ jti: "two" }, { jti: "one" }] });
    orders.close();
  });
});
