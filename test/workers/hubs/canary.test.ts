/** A canary of a version and three hubs. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { canaryLaggards, hubName } from "../../../workers/control/upstream/hubs.ts";
import { applyShop, bindings, call, configStore, shop } from "../control/support.ts";
import { allHubs, caller, greet, hubAt, nameAt, namesOf, viewOf } from "./support.ts";

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

test("a canary reaches agents of every hub, with endpoints of what it alone lets them call", async () => {
  const names = allHubs.map((index) => nameAt("orders", index, "-canary"));
  const callers = await Promise.all(names.map(caller));
  for (const { agent } of callers) agent.messages.splice(0);
  const document = shop("7s");
  const mesh = document.mesh as { services: Record<string, unknown> };
  const services = { ...mesh.services, stock: { port: 8080, access: [{ from: "orders" }] } };
  const asked = { document: { ...document, mesh: { ...mesh, services } }, source: "", file: "x", author: "ann" };
  const begun = await call("POST", "/v1/config/versions", "admin", { ...asked, canary: { steps: [100] } });
  const { version } = begun.body;
  expect(begun.body).toMatchObject({ canary: true });
  const look = () => runDurableObjectAlarm(configStore());
  const canary = async () => (await call("GET", "/v1/canary", "admin")).body.canary;
  for (const { agent } of callers) {
    expect((await viewOf(agent, "stock")).put).toEqual([]);
    expect(agent.messages.map(({ type }) => type)).toContain("canary");
    expect(await agent.take("canary")).toMatchObject({ version, plan: { service: "orders" } });
  }
  const stock = await greet("stock", nameAt("stock", 1), 4800);
  stock.send({ type: "ready" });
  for (const { agent } of callers) expect(namesOf(await viewOf(agent, "stock"))).toEqual([nameAt("stock", 1)]);
  for (const { agent } of callers.slice(1)) agent.send({ type: "canary", version });
  const isNamed = async (name: string) => (await canary()).missing.named.includes(`agent ${name} of orders`);
  for (const name of names.slice(1)) await expect.poll(() => isNamed(name)).toBe(false);
  expect(await isNamed(names[0] ?? "")).toBe(true);
  await look();
  expect(await canary()).toMatchObject({ phase: "preparing" });

  const deaf = { canaryLaggards: () => Promise.reject(new Error("it is away")) };
  const getByName = (name: string) => (name === hubName(2) ? deaf : bindings.HUB.getByName(name));
  const all = await canaryLaggards(bindings, version);
  const { count, named } = await canaryLaggards({ ...bindings, HUB: { getByName } } as never, version);
  expect([count, named.at(-1)]).toEqual([all.count + 1, "hub hub-2: Error: it is away"]);

  // A hub that lost everything asks for the canary as for the plan.
  await runInDurableObject(hubAt(1), (_object, { storage }) => void storage.sql.exec("DELETE FROM texts"));
  await evictDurableObject(hubAt(1), { webSockets: "close" });
  const fresh = await greet("orders", names[1] ?? "");
  expect(await fresh.take("canary")).toMatchObject({ version, plan: { service: "orders" } });
  expect(namesOf(await viewOf(fresh, "stock"))).toEqual([nameAt("stock", 1)]);

  const { startedAtMs } = await canary();
  expect((await call("POST", "/v1/canary", "admin", { act: "abort", author: "ann" })).status).toBe(200);
  const others = [callers[0], callers[2]].flatMap((one) => one?.agent ?? []);
  for (const agent of [fresh, ...others]) expect(await agent.take("canary")).toEqual({ type: "canary", version: 0 });
  // What was under way before the end changes nothing.
  await hubAt(2).canary({ version, startedAtMs, isOver: false, faces: [] });
  await hubAt(2).canary({ version: version - 1, startedAtMs: startedAtMs - 1, isOver: false, faces: [] });
  const late = await greet("orders", names[2] ?? "");
  await viewOf(late, "inventory");
  expect(late.messages.filter(({ type }) => type === "canary")).toEqual([]);
  for (const agent of [fresh, late, stock, ...others]) agent.close();
});
