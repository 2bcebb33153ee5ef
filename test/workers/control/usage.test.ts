import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { SeriesCounts } from "../../../shared/policy/counters.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import { applyDocument, bindings, call, joined, shop } from "./support.ts";

const lease = (isolate: string, counted?: unknown) =>
  call("POST", "/v1/gateway/lease", "gateway", { isolate, version: 0, counted });
const used = (seq: number, s2xx: number, route = "orders", consumer = "acme") => ({
  seq,
  series: [
    { kind: "usage", labels: [route, consumer, "gold"], counts: { s2xx, le8: s2xx, sumMs: 5 * s2xx } },
    { kind: "limit", labels: [route, "by-ip"], counts: { passed: s2xx } },
  ],
});
const usage = async (query: string) => (await call("GET", `/v1/usage?${query}`, "admin")).body;
const counts = async (query: string) =>
  (await usage(query)).rows.map(({ name, requests }: { name: string; requests: number }) => [name, requests]);
const storeOf = (isolate: string) => bindings.USAGE.getByName(`usage-${hubOf(isolate, limits.usage.shards)}`);
const ISOLATES = Array.from({ length: 12 }, (_, at) => `isolate-${at}`);

describe("usage", () => {
  test("of all isolates is summed over all objects, each report once, and acknowledged", async () => {
    for (const isolate of ISOLATES) {
      for (const seq of [1, 1, 2]) expect((await lease(isolate, used(seq, 5))).body.counted).toBe(seq);
      await lease(isolate, used(1, 100));
    }
    expect(new Set(ISOLATES.map((isolate) => hubOf(isolate, limits.usage.shards))).size).toBeGreaterThan(1);
    expect(await counts("by=routes")).toEqual([["orders", 120]]);
  });

  test("does not burden the object that leases go through", async () => {
    const { counters } = (await call("GET", "/v1/status", "admin")).body;
    expect(counters.series.map(({ kind }: { kind: string }) => kind)).toEqual(["limit"]);
  });

  test("outlives evictions, and so does which reports were counted", async () => {
    const shards = new Map(ISOLATES.map((isolate) => [hubOf(isolate, limits.usage.shards), isolate]));
    for (const isolate of shards.values()) await evictDurableObject(storeOf(isolate));
    for (const isolate of ISOLATES) await lease(isolate, used(2, 5));
    expect(await counts("by=consumers&route=orders")).toEqual([["acme", 120]]);
    await lease(ISOLATES[0] as string, used(3, 1));
    expect(await counts("by=plans")).toEqual([["gold", 121]]);
  });

  test("of minutes that are over is stored in few rows, of hours and days, too", async () => {
    const isolate = ISOLATES[0] as string;
    await back(isolate, 90 * 60_000);
    await lease(isolate, used(4, 7, "users"));
    await runInDurableObject(storeOf(isolate), (_, { storage }) => {
      expect(storage.sql.exec("SELECT count(*) AS n FROM reports").one()).toEqual({ n: 1 });
      const names = storage.sql.exec("SELECT resolution FROM slots").toArray();
      expect(names.map(({ resolution }) => resolution).sort()).toEqual(["day", "heard", "hour", "minute", "total"]);
    });
    expect(await counts("by=routes&windowMs=120000&consumer=acme")).toContainEqual(["users", 7]);
    for (const windowMs of [7_200_000, 86_400_000, 30 * 86_400_000])
      expect(await counts(`by=routes&windowMs=${windowMs}`)).toEqual([
        ["orders", 121],
        ["users", 7],
      ]);
    const { slots } = await usage("by=routes&windowMs=7200000&each=slots");
    expect(slots.length).toBeGreaterThan(1);
  });

  test("is forgotten when its time is over", async () => {
    const isolate = ISOLATES[0] as string;
    await runInDurableObject(storeOf(isolate), (_, { storage }) => {
      storage.sql.exec("UPDATE slots SET start_ms = start_ms - ? WHERE resolution = 'day'", 100 * 86_400_000);
      storage.sql.exec("UPDATE slots SET start_ms = start_ms - ? WHERE resolution = 'minute'", 3 * 3_600_000);
    });
    await back(isolate, 120_000);
    await lease(isolate, used(5, 1));
    await runInDurableObject(storeOf(isolate), (_, { storage }) => {
      const rows = storage.sql.exec("SELECT resolution FROM slots ORDER BY resolution").toArray();
      const days = rows.filter(({ resolution }) => resolution === "day");
      expect(days).toHaveLength(1);
      expect(rows.filter(({ resolution }) => resolution === "minute")).toHaveLength(1);
    });
  });

  test("that an object does not take is sent again, and the lease is given all the same", async () => {
    const isolate = "isolate-that-waits";
    await runInDurableObject(storeOf(isolate), (_, { storage }) => {
      storage.sql.exec("ALTER TABLE reports RENAME TO elsewhere");
    });
    const refused = await lease(isolate, used(1, 3, "kept"));
    expect(refused.status).toBe(200);
    expect(refused.body).not.toHaveProperty("counted");
    await runInDurableObject(storeOf(isolate), (_, { storage }) => {
      storage.sql.exec("ALTER TABLE elsewhere RENAME TO reports");
    });
    expect((await lease(isolate, used(1, 3, "kept"))).body.counted).toBe(1);
    expect(await counts("by=routes&windowMs=1000")).toContainEqual(["kept", 3]);
  });

  test.each([
    "",
    "by=colours",
    "by=routes&windowMs=0",
    "by=routes&windowMs=-1",
    "by=routes&windowMs=1e3",
    "by=routes&windowMs=7776000001",
    "by=routes&route=",
    "by=routes&each=minute",
    "by=routes&what=else",
    `by=routes&route=${"x".repeat(129)}`,
  ])("the query %j is refused", async (query) => {
    expect((await call("GET", `/v1/usage?${query}`, "admin")).status).toBe(400);
  });

  test("is told to those who may see how things are", async () => {
    expect((await call("GET", "/v1/usage?by=routes", "gateway")).status).toBe(403);
    expect((await call("GET", "/v1/usage?by=routes")).status).toBe(401);
  });
});

describe("calls by edge of the mesh", () => {
  const edge = (from: string, to: string, s2xx: number): SeriesCounts => ({
    kind: "edge",
    ...{ labels: [from, to], counts: { s2xx } },
  });
  const rowsOf = async (query = "") => (await counts(`by=edges${query}`)).sort();

  test("are counted once for each number of a run, and answered", async () => {
    expect((await applyDocument(shop())).status).toBe(201);
    const agent = await joined("orders", "orders-1");
    const tell = async (run: string, seq: number, ...series: SeriesCounts[]): Promise<void> => {
      agent.send({ type: "edges", run, counted: { seq, series } });
      expect(await agent.take("edges")).toMatchObject({ seq });
    };
    for (const seq of [1, 1, 2, 1]) await tell("aa", seq, edge("gateway", "orders", 5));
    await tell("bb", 1, edge("gateway", "orders", 1), edge("orders", "users", 2));
    expect(await rowsOf()).toEqual([
      ["gateway -> orders", 11],
      ["orders -> users", 2],
    ]);
    expect(await rowsOf("&of=users")).toEqual([["orders -> users", 2]]);
    agent.close();
  });

  test("are believed of an agent's own service alone; names that are no services are one", async () => {
    const agent = await joined("orders", "orders-2");
    const told = [edge("users", "inventory", 100), edge("orders", "made-up", 1), edge("orders", "made-up-too", 1)];
    agent.send({
      type: "edges",
      run: "cc",
      counted: { seq: 1, series: [...told, { ...edge("users", "payments", 1), kind: "usage" }] },
    });
    await agent.take("edges");
    expect(await rowsOf()).toContainEqual(["orders -> *", 2]);
    expect(await rowsOf("&of=inventory")).toEqual([]);
    expect(await counts("by=routes")).not.toContainEqual(["users", 100]);
    agent.close();
  });

  test("are kept beside what gateways count, and are metrics", async () => {
    const text = (await call("GET", "/v1/metrics", "admin")).body;
    expect(text).toContain('selvage_mesh_requests_total{source="gateway",destination="orders",status="2xx"} 11');
    const gateways = storeOf(ISOLATES[0] as string);
    expect((await gateways.totals()).series.map(({ kind }) => kind)).not.toContain("edge");
  });
});

/** As if what an object has counted so far of this minute had been earlier. */
async function back(isolate: string, ms: number): Promise<void> {
  const store = storeOf(isolate);
  await runInDurableObject(store, (_, { storage }) => {
    storage.sql.exec("UPDATE reports SET at_ms = at_ms - ?", ms);
  });
  await evictDurableObject(store);
}
