import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { expect, test } from "vitest";
import { applyDocument, applyShop, call, configStore, connect, helloOf, hub, joined, shop, token } from "./support.ts";

const ISOLATE = "isolate-1";
const begin = (timeout: string, canary: object) =>
  call("POST", "/v1/config/versions", "admin", {
    ...{ document: shop(timeout), source: "text", file: "selvage.yaml", author: "ann", canary },
  });
const change = (act: string, more: object = {}) => call("POST", "/v1/canary", "admin", { act, author: "ann", ...more });
const canary = async () => (await call("GET", "/v1/canary", "admin")).body.canary;
const status = async () => (await call("GET", "/v1/status", "admin")).body;
const audit = async () =>
  (await call("GET", "/v1/audit", "admin")).body.entries
    .filter(({ outcome }: { outcome: string }) => outcome === "done")
    .map(({ act, version, by, author, detail }: never) => ({ act, version, by, author, detail }));
const look = () => runDurableObjectAlarm(configStore());

let held: Record<string, unknown> = { version: 0 };
let seq = 0;
/** A lease as an isolate asks for it: it takes what it is told. */
async function lease(counted: readonly (readonly [version: number, requests: number, errors: number])[] = []) {
  const series = counted.map(([version, requests, errors]) => {
    return {
      kind: "version",
      labels: [String(version), "orders"],
      counts: errors > 0 ? { requests, errors } : { requests },
    };
  });
  const report = series.length === 0 ? {} : { counted: { seq: ++seq, series } };
  const { body } = await call("POST", "/v1/gateway/lease", "gateway", { isolate: ISOLATE, ...held, ...report });
  const { version, hash, share } = body.canary ?? {};
  held = {
    version: body.version,
    ...((body.plan?.hash ?? held.hash) !== undefined && { hash: body.plan?.hash ?? held.hash }),
    ...(body.canary !== undefined && { canary: { version, hash, share } }),
  };
  return body;
}

test("the first version is nobody's canary", async () => {
  expect(await canary()).toBeNull();
  expect(await begin("1s", { steps: [500] })).toMatchObject({ status: 409, body: { code: "canary_refused" } });
  expect((await applyShop("10s")).body).toMatchObject({ version: 1, changed: true });
});

test("a version is tried once the gateways have it; the other one is live", async () => {
  await lease();
  await lease();
  const match = { header: "x-try", value: "next" };
  expect((await begin("9s", { steps: [500], match })).body).toMatchObject({ version: 2, canary: true, changed: true });
  expect(await status()).toMatchObject({ version: 1, canary: { version: 2, phase: "preparing", share: 0 } });
  await look();
  expect(await canary()).toMatchObject({ phase: "preparing", missing: { count: 1, named: [`gateway ${ISOLATE}`] } });
  const told = await lease();
  expect(told).toMatchObject({ version: 1, canary: { version: 2, share: 0, by: "ip" } });
  expect(told.canary.gateway.routes).toHaveLength(1);
  expect(told.canary).not.toHaveProperty("match");
  const again = await lease();
  expect(again.canary).not.toHaveProperty("gateway");
  await look();
  expect(await canary()).toMatchObject({ phase: "running", share: 500, missing: { count: 0 } });
  expect((await lease()).canary).toMatchObject({ share: 500, match });
});

test("nothing else is applied meanwhile, and what it is told must make sense", async () => {
  for (const refused of [
    await applyShop("8s"),
    await begin("8s", { steps: [1] }),
    await call("POST", "/v1/config/rollback", "admin", { version: 1, author: "ann" }),
  ])
    expect(refused).toMatchObject({ status: 409, body: { code: "canary_running" } });
  for (const steps of [[], [500, 500], [500, 100], [-1], [10_001], ["5%"], Array.from({ length: 21 }, (_, at) => at)])
    expect((await begin("8s", { steps })).status).toBe(400);
  for (const act of ["stop", "", undefined]) expect((await change(act as string)).status).toBe(400);
  const told = { version: 2, hash: "h", share: 500 };
  for (const wrong of [
    { version: "2" },
    { share: -1 },
    { share: 10_001 },
    { share: 0.5 },
    { hash: "h".repeat(65) },
    { refused: 1 },
  ])
    expect(
      (
        await call("POST", "/v1/gateway/lease", "gateway", {
          isolate: ISOLATE,
          version: 1,
          canary: { ...told, ...wrong },
        })
      ).status,
    ).toBe(400);
  expect((await call("POST", "/v1/canary", "gateway", { act: "promote", author: "ann" })).status).toBe(403);
  expect((await call("GET", "/v1/canary")).status).toBe(401);
  const owner = await token({ role: "owner", owners: ["payments"] });
  expect((await call("POST", "/v1/canary", owner, { act: "promote", author: "ann" })).status).toBe(403);
  expect((await call("GET", "/v1/canary", owner)).body.canary).toMatchObject({ version: 2 });
  const asked = { document: shop("8s"), source: "", file: "x", author: "ann", canary: { steps: [1] } };
  for (const dryRun of [true, false])
    expect(await call("POST", "/v1/config/versions", owner, { ...asked, dryRun })).toMatchObject({
      ...{ status: 403, body: { code: "role_missing" } },
    });
});

test("an eviction forgets neither it nor what was counted; a report counts once", async () => {
  await lease([
    [2, 10, 1],
    [1, 190, 0],
    [7, 5, 5],
  ]);
  seq--;
  await lease([[2, 10, 1]]);
  await evictDurableObject(configStore());
  expect(await canary()).toMatchObject({
    phase: "running",
    share: 500,
    counts: { canary: { requests: 10, errors: 1 }, stable: { requests: 190, errors: 0 } },
  });
});

test("a bad one is rolled back with the report that says so, and everybody hears of it", async () => {
  const { canary: told } = await lease([[2, 1000, 300]]);
  expect(told).toBeUndefined();
  expect(await canary()).toMatchObject({
    phase: "aborted",
    share: 0,
    reason: "301 of 1010 requests failed, more than 5 % are allowed",
  });
  expect(await status()).toMatchObject({ version: 1 });
  expect(await status()).not.toHaveProperty("canary");
  expect(await change("promote")).toMatchObject({ status: 409, body: { detail: "no canary is running" } });
  expect((await audit()).slice(0, 2)).toEqual([
    {
      ...{ act: "canary-aborted", version: 2, by: "selvage", author: "" },
      detail: "301 of 1010 requests failed, more than 5 % are allowed",
    },
    { act: "canary-begin", version: 2, by: "tester", author: "ann", detail: "5 %" },
  ]);
  const { versions } = (await call("GET", "/v1/config/versions", "admin")).body;
  expect(versions.map(({ version, isWithheld }: never) => [version, isWithheld])).toEqual([
    [2, true],
    [1, undefined],
  ]);
});

test("the next one is promoted: it is live when the gateways give it all requests", async () => {
  expect((await begin("7s", { steps: [100] })).body).toMatchObject({ version: 3, canary: true });
  expect(await change("promote")).toMatchObject({ status: 409 });
  await lease();
  await lease();
  await look();
  expect((await change("set", { share: 2500 })).body.canary).toMatchObject({ share: 2500, step: -1 });
  expect((await change("promote", { reason: "it is good" })).body.canary).toMatchObject({ phase: "promoting" });
  expect((await lease()).canary.share).toBe(10_000);
  await look();
  expect(await canary()).toMatchObject({ phase: "promoting" });
  expect(await status()).toMatchObject({ version: 1 });
  await lease();
  await evictDurableObject(configStore());
  await look();
  expect(await canary()).toMatchObject({ phase: "promoted" });
  const live = await lease();
  expect(live).toMatchObject({ version: 3 });
  expect(live).not.toHaveProperty("canary");
  expect((await audit()).slice(0, 3).map(({ act }: { act: string }) => act)).toEqual([
    ...["canary-promoted", "canary-promote", "canary-set"],
  ]);
  expect((await applyDocument(shop("7s"))).body).toMatchObject({ version: 3, changed: false });
  expect((await applyShop("6s")).body).toMatchObject({ version: 4, changed: true });
});

test("agents get it, too; it begins when those that are connected have it, and they hear of its end", async () => {
  const orders = await joined("orders", "orders-1", 4001);
  const inventory = await joined("inventory", "inventory-1", 4002);
  expect((await begin("5s", { steps: [100] })).body).toMatchObject({ version: 5, canary: true });
  const told = await orders.take("canary");
  expect(told).toMatchObject({ version: 5, plan: { service: "orders" } });
  await lease();
  await lease();
  orders.send({ type: "canary", version: 5 });
  await hub().status();
  await look();
  expect(await canary()).toMatchObject({
    phase: "preparing",
    missing: { count: 1, named: ["agent inventory-1 of inventory"] },
  });
  await inventory.take("canary");
  inventory.send({ type: "canary", version: 5 });
  await hub().status();
  await look();
  expect(await canary()).toMatchObject({ phase: "running", missing: { count: 0 } });
  await evictDurableObject(hub(), { webSockets: "hibernate" });
  const late = await joined("users", "users-1", 4003);
  expect(await late.take("canary")).toMatchObject({ version: 5, plan: { service: "users" } });
  expect(await canary()).toMatchObject({ missing: { count: 1, named: ["agent users-1 of users"] } });
  expect((await change("abort", { reason: "second thoughts" })).body.canary.phase).toBe("aborted");
  for (const agent of [orders, inventory, late])
    expect(await agent.take("canary")).toEqual({ type: "canary", version: 0 });
  const back = await connect(await token({ role: "agent", service: "users", sub: "users-1" }));
  back.send({ ...helloOf("users-1", 4003, 4), canary: 5 });
  expect(await back.take("canary")).toEqual({ type: "canary", version: 0 });
});

test("an agent that refuses it ends it before it began", async () => {
  const orders = await joined("orders", "orders-1", 4001);
  expect((await begin("4s", { steps: [100] })).body.version).toBe(6);
  await orders.take("canary");
  orders.send({ type: "canary", version: 6, refused: "plan of format 9" });
  await hub().status();
  await look();
  expect(await canary()).toMatchObject({
    phase: "aborted",
    reason: "agent orders-1 of orders refuses it: plan of format 9",
  });
});

test("workloads of a service that only the canary knows may join, and get its plan", async () => {
  const document = shop("3s");
  const mesh = document.mesh as { services: Record<string, unknown> };
  const services = { ...mesh.services, stock: { port: 8080, access: [{ from: "orders" }] } };
  const change = { document: { ...document, mesh: { ...mesh, services } }, source: "", file: "x", author: "ann" };
  expect((await call("POST", "/v1/join-tokens", "admin", { service: "stock" })).status).toBe(409);
  const begun = await call("POST", "/v1/config/versions", "admin", { ...change, canary: { steps: [100] } });
  expect(begun.body).toMatchObject({ version: 7, canary: true });
  expect((await call("POST", "/v1/join-tokens", "admin", { service: "stock" })).status).toBe(201);
  const stock = await joined("stock", "stock-1", 4009);
  expect(await stock.take("canary")).toMatchObject({ version: 7, plan: { service: "stock" } });
  stock.send({ type: "ready" });
  const orders = await connect(await token({ role: "agent", service: "orders", sub: "orders-9" }));
  orders.send(helloOf("orders-9", 4010, 4));
  for (;;) {
    const { services } = await orders.take("endpoints");
    expect(services).toMatchObject({ inventory: [] });
    if (services.stock?.[0]?.instance === "stock-1") break;
  }
});
