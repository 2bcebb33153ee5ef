/** Records of past requests: who may keep and read them, what is kept, and that it outlives evictions. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { MAIN } from "../../../workers/control/objects/rpc.ts";
import { applyDocument, bindings, call, shop, token } from "./support.ts";

beforeAll(async () => {
  const document = shop() as { gateway: { routes: object[] } };
  const [orders] = document.gateway.routes;
  const routes = [
    { ...orders, owner: "sales" },
    { name: "users", match: { path: "/users/*" }, to: "users" },
  ];
  const owned = { ...document, gateway: { ...document.gateway, routes }, owners: { sales: { paths: ["/orders/*"] } } };
  expect((await applyDocument(owned)).body).toMatchObject({ version: 1 });
});

const store = () => bindings.RECORDS.getByName(MAIN);
const traceId = (at: number) => String(at).padStart(32, "0");
const entry = (at: number, more: object = {}) => ({
  ...{ time: new Date().toISOString(), kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{ traceId: traceId(at), spanId: "s", method: "GET", host: "h", path: "/orders/1", status: 200, durationMs: 1 },
  ...{ plan: 1, route: "orders", ...more },
});
const record = (at: number, more: object = {}, because = "drawn") => ({
  weight: 1,
  record: {
    because,
    entry: entry(at, more),
    request: { scheme: "http", authority: "h", query: "?a=1", headers: [["accept", "*/*"]] },
    decisions: [{ stage: "route", verdict: "pass", text: "orders takes it" }],
  },
});
const report = (as: string, more: object) =>
  call("POST", "/v1/records/report", as, {
    ...{ keepMs: 3_600_000, perRoute: 10, dropped: 0, records: [], hops: [] },
    ...more,
  });
const names = (body: { records: { entry: { traceId: string } }[] }) =>
  body.records.map(({ entry: { traceId: id } }) => Number(id));

test("records of the gateway and hops of agents meet by their trace, for whoever may look", async () => {
  const failed = record(1, { status: 503, error: "app_unreachable" }, "failed");
  expect((await report("gateway", { records: [failed, record(2), record(3, { route: "users" })] })).body).toEqual({
    drawn: 2,
  });
  const agent = await token({ role: "agent", sub: "orders-1", service: "orders" });
  const hop = (service: string) => entry(1, { hop: "inbound", service, error: "app_unreachable" });
  const forged = { hops: [hop("users"), hop("orders")], records: [record(4)] };
  expect((await report(agent, forged)).body).toEqual({ drawn: 0 });
  const viewer = await token({ role: "viewer", sub: "vic" });
  const { body } = await call("GET", `/v1/records/${traceId(1)}`, viewer);
  const shown = { ...failed.record.request, query: "?a=…", headers: [["accept", "…"]] };
  expect(body).toMatchObject({ traceId: traceId(1), records: [{ ...failed.record, request: shown }] });
  const whole = await call("GET", `/v1/records/${traceId(1)}`, "admin");
  expect(whole.body.records).toEqual([failed.record]);
  expect(body.hops.map(({ service }: { service: string }) => service)).toEqual(["orders"]);
  expect(names((await call("GET", "/v1/records", viewer)).body)).toEqual([3, 2, 1]);
  expect(names((await call("GET", "/v1/records?because=drawn&route=orders", viewer)).body)).toEqual([2]);
  const one = (await call("GET", "/v1/records?limit=1", viewer)).body;
  expect([names(one), one.leftOut]).toEqual([[3], 2]);
  const missing = await call("GET", `/v1/records/${traceId(9)}`, viewer);
  expect([missing.status, missing.body.code]).toEqual([404, "record_unknown"]);
  const { entries } = (await call("GET", "/v1/audit?act=records", "admin")).body;
  expect(entries).toContainEqual(expect.objectContaining({ by: "vic", detail: `the trace ${traceId(1)}` }));
});

test("owners see records of their own routes alone", async () => {
  const sales = await token({ role: "owner", sub: "sam", owners: ["sales"] });
  expect(names((await call("GET", "/v1/records", sales)).body)).toEqual([2, 1]);
  expect((await call("GET", `/v1/records/${traceId(1)}`, sales)).body.hops).toHaveLength(1);
  expect((await call("GET", `/v1/records/${traceId(3)}`, sales)).status).toBe(404);
  const nobody = await token({ role: "owner", sub: "eve", owners: ["others"] });
  expect(names((await call("GET", "/v1/records", nobody)).body)).toEqual([]);
  expect((await call("DELETE", "/v1/records", sales)).status).toBe(403);
});

test("an eviction loses nothing, and what is over is taken away", async () => {
  await evictDurableObject(store());
  expect((await call("GET", `/v1/records/${traceId(1)}`, "admin")).body.hops).toHaveLength(1);
  await runInDurableObject(store(), (_, { storage }) => {
    storage.sql.exec("UPDATE records SET until_ms = 1 WHERE trace = ?", traceId(2));
  });
  await evictDurableObject(store());
  expect(names((await call("GET", "/v1/records", "admin")).body)).toEqual([3, 1]);
  expect(await runDurableObjectAlarm(store())).toBe(true);
  await runInDurableObject(store(), (_, { storage }) => {
    expect(storage.sql.exec("SELECT count(*) AS n FROM records").one()).toEqual({ n: 3 });
  });
});

test("a route has as many as its document says, one row each, and all can be deleted", async () => {
  const many = Array.from({ length: 60 }, (_, at) => record(100 + at));
  const { drawn } = (await report("gateway", { records: many })).body;
  expect(drawn).toBeGreaterThanOrEqual(10);
  expect((await call("GET", "/v1/records?because=drawn&route=orders", "admin")).body.records).toHaveLength(10);
  await runInDurableObject(store(), (_, { storage }) => {
    expect(
      storage.sql.exec("SELECT count(*) AS n FROM records WHERE route = 'orders' AND kind = 'drawn'").one(),
    ).toEqual({ n: 10 });
  });
  expect((await call("DELETE", "/v1/records", "admin")).status).toBe(204);
  expect((await call("GET", "/v1/records", "admin")).body).toEqual({ records: [], leftOut: 0 });
});

test("a record that is too long is not kept", async () => {
  const long = record(7, { reason: "x".repeat(20_000) }, "asked");
  expect((await report("gateway", { records: [long] })).status).toBe(200);
  expect((await call("GET", `/v1/records/${traceId(7)}`, "admin")).status).toBe(404);
});

test.each<[string, object]>([
  ["a trace that is none", { records: [record(1, { traceId: "../x" })] }],
  ["a hop that is the gateway's", { hops: [entry(1)] }],
  ["a record that is a hop's", { records: [record(1, { hop: "inbound" })] }],
  ["a life without end", { keepMs: 1e12 }],
  ["no weight", { records: [{ ...record(1), weight: 0 }] }],
  ["a record without decisions", { records: [{ weight: 1, record: { ...record(1).record, decisions: undefined } }] }],
])("a report with %s is refused", async (_, more) => {
  expect((await report("gateway", more)).status).toBe(400);
});

test.each(["because=x", "limit=0", "limit=1001", `route=${"x".repeat(300)}`])(
  "the question %s is refused",
  async (query) => {
    expect((await call("GET", `/v1/records?${query}`, "admin")).status).toBe(400);
  },
);
