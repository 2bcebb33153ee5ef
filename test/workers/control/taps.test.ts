/** Taps at the control plane: who may open and read them, what sources are told, and what evictions leave. */
import { evictDurableObject } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { MAIN } from "../../../workers/control/objects/rpc.ts";
import { applyShop, bindings, call, joined, token } from "./support.ts";

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

const filter = { hops: ["gateway"], routes: ["orders"], statuses: [{ from: 500, to: 599 }] };
const asked = { filter, perSecond: 10, forMs: 60_000, joined: true, reveal: false };
const lease = () => call("POST", "/v1/gateway/lease", "gateway", { isolate: "isolate-1", version: 0 });
const request = (more: object = {}) => ({
  ...{ time: "2026-07-01T12:00:00.000Z", kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{ traceId: "t1", spanId: "s1", method: "GET", host: "h", path: "/orders/1", status: 503, durationMs: 1, plan: 1 },
  ...{ route: "orders", ...more },
});
const report = (id: string, as: string, entries: object[]) =>
  call("POST", "/v1/taps/report", as, { taps: [{ id, seen: entries.length, dropped: 0, entries }] });

test("a tap reaches gateways with their lease and agents at once, its hops meet, and it is in the audit log", async () => {
  expect((await lease()).body).not.toHaveProperty("taps");
  const agent = await joined("orders", "orders-1");
  const viewer = await token({ role: "viewer", sub: "vic" });
  const { status, body } = await call("POST", "/v1/taps", viewer, asked);
  expect(status).toBe(201);
  const { id } = body;
  expect((await agent.take("taps")).taps).toMatchObject([{ id, filter, joined: true, reveal: false }]);
  expect((await lease()).body.taps).toMatchObject([{ id, filter, perSecond: 10 }]);
  expect((await report(id, "gateway", [request(), request({ hop: "inbound", service: "orders" })])).body).toMatchObject(
    {
      taps: [{ id, traces: ["t1"] }],
    },
  );
  const orders = await token({ role: "agent", sub: "orders-1", service: "orders" });
  const forged = [request(), request({ hop: "inbound", service: "users" })];
  expect((await report(id, orders, [...forged, request({ hop: "inbound", service: "orders" })])).status).toBe(200);
  const read = await call("POST", `/v1/taps/${id}/read`, viewer);
  expect(read.body.entries.map(({ hop, service }: Record<string, string>) => `${hop} ${service}`)).toEqual([
    "gateway gateway",
    "inbound orders",
  ]);
  expect(read.body.seen).toBe(5);
  const other = await token({ role: "viewer", sub: "eve" });
  expect((await call("POST", `/v1/taps/${id}/read`, other)).body.code).toBe("tap_unknown");
  expect((await call("DELETE", `/v1/taps/${id}`, other)).status).toBe(204);
  expect((await call("POST", `/v1/taps/${id}/read`, viewer)).status).toBe(200);
  await evictDurableObject(bindings.TAPS.getByName(MAIN));
  expect((await call("POST", `/v1/taps/${id}/read`, viewer)).status).toBe(200);
  expect((await call("DELETE", `/v1/taps/${id}`, viewer)).status).toBe(204);
  expect((await call("POST", `/v1/taps/${id}/read`, viewer)).status).toBe(404);
  expect((await report(id, "gateway", [])).body).toEqual({ taps: [] });
  const { entries } = (await call("GET", "/v1/audit?act=tap", "admin")).body;
  expect(entries).toMatchObject([
    { by: "vic", role: "viewer", detail: expect.stringContaining('"routes":["orders"]') },
  ]);
  agent.close();
});

test("values are revealed to administrators alone", async () => {
  const viewer = await token({ role: "viewer", sub: "vic" });
  const refused = await call("POST", "/v1/taps", viewer, { ...asked, reveal: true });
  expect([refused.status, refused.body.code]).toEqual([403, "role_missing"]);
  expect((await call("POST", "/v1/taps", "admin", { ...asked, reveal: true })).status).toBe(201);
});

test.each<[string, object]>([
  ["an unknown member", { ...asked, filter: { ...filter, header: "x" } }],
  ["no hop", { ...asked, filter: { ...filter, hops: [] } }],
  ["an unknown hop", { ...asked, filter: { hops: ["moon"] } }],
  ["no rate", { ...asked, perSecond: 0 }],
  ["a rate without bound", { ...asked, perSecond: 1e9 }],
  ["a life without end", { ...asked, forMs: 1e12 }],
  ["a status that is none", { ...asked, filter: { ...filter, statuses: [{ from: 0, to: 1e9 }] } }],
])("a tap with %s is refused", async (_, body) => {
  expect((await call("POST", "/v1/taps", "admin", body)).status).toBe(400);
});

test.each<[string, unknown]>([
  ["no list", {}],
  ["entries that are none", { taps: [{ id: "1", seen: 1, dropped: 0, entries: [{ hop: "gateway" }] }] }],
  ["a count below nothing", { taps: [{ id: "1", seen: -1, dropped: 0, entries: [] }] }],
])("a report with %s is refused", async (_, body) => {
  expect((await call("POST", "/v1/taps/report", "gateway", body)).status).toBe(400);
});
