import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { call, configStore } from "./support.ts";

const status = async () => (await call("GET", "/v1/status", "admin")).body;
const lease = (isolate: string, counted?: unknown) =>
  call("POST", "/v1/gateway/lease", "gateway", { isolate, version: 0, counted });
const report = (seq: number, open: number, limit = "by-ip") => ({
  seq,
  series: [{ kind: "limit", labels: ["login", limit], counts: { open, asked: 1 } }],
});
const alarm = (requests: number) => ({
  code: "limit_uncounted",
  route: "login",
  limit: "by-ip",
  requests,
  answered: "open",
  text: `limit \`by-ip\` of route \`login\` could not be counted for ${requests} requests in the last 5 min (answered open)`,
});

describe("what isolates count", () => {
  test("is summed, each report once, acknowledged, and what is wrong is told in the status", async () => {
    expect((await status()).alarms).toEqual([]);
    expect((await lease("isolate-1", report(1, 300))).body.counted).toBe(1);
    expect((await lease("isolate-1", report(1, 300))).body.counted).toBe(1);
    await lease("isolate-2", report(1, 10));
    await lease("isolate-1", report(2, 2));
    await lease("isolate-1");
    expect((await lease("isolate-1")).body).not.toHaveProperty("counted");
    const { alarms, counters } = await status();
    expect(alarms).toEqual([alarm(312)]);
    expect(counters).toEqual({
      windowMs: limits.counters.windowMs,
      series: [{ kind: "limit", labels: ["login", "by-ip"], counts: { open: 312, asked: 3 } }],
    });
  });

  test("outlives an eviction, and so does which reports were counted", async () => {
    await evictDurableObject(configStore());
    await lease("isolate-1", report(2, 2));
    expect((await status()).alarms).toEqual([alarm(312)]);
    await lease("isolate-1", report(3, 1));
    expect((await status()).alarms).toEqual([alarm(313)]);
  });

  test("is forgotten after the window, in storage, too", async () => {
    await runInDurableObject(configStore(), (_, { storage }) => {
      storage.sql.exec("UPDATE counters SET slot_ms = slot_ms - ?", 2 * limits.counters.windowMs);
      storage.sql.exec("UPDATE counter_reports SET at_ms = at_ms - ?", 2 * limits.counters.heardForMs);
    });
    await evictDurableObject(configStore());
    expect((await status()).alarms).toEqual([]);
    await lease("isolate-3", report(1, 1, "other"));
    await runInDurableObject(configStore(), (_, { storage }) => {
      expect(storage.sql.exec("SELECT series FROM counters").toArray()).toEqual([{ series: "limit\nlogin\nother" }]);
      expect(storage.sql.exec("SELECT isolate FROM counter_reports").toArray()).toEqual([{ isolate: "isolate-3" }]);
    });
  });

  test.each([
    ["a report of no number", { seq: 0, series: [] }],
    ["a count that is none", { seq: 9, series: [{ kind: "limit", labels: [], counts: { open: "9" } }] }],
    ["a name of JavaScript", { seq: 9, series: [{ kind: "limit", labels: [], counts: { constructor: 9 } }] }],
    ["nothing of the form", []],
  ])("%s is refused", async (_, counted) => {
    expect((await lease("isolate-4", counted)).status).toBe(400);
  });

  test("of a newer gateway is summed under names that are not known here", async () => {
    await lease("isolate-5", { seq: 1, series: [{ kind: "later", labels: ["a"], counts: { hits: 3 } }] });
    expect((await status()).counters.series).toContainEqual({ kind: "later", labels: ["a"], counts: { hits: 3 } });
  });
});

describe("who still calls deprecated routes", () => {
  const called = (seq: number, caller: string, requests: number) => ({
    seq,
    series: [{ kind: "deprecated", labels: ["orders-v1", caller], counts: { requests } }],
  });
  const callers = async () => (await call("GET", "/v1/deprecated", "admin")).body.callers;

  test("is known for longer than the window, each report once", async () => {
    await lease("isolate-7", called(1, "alice", 3));
    await lease("isolate-7", called(1, "alice", 3));
    await lease("isolate-8", called(1, "acme", 1));
    await lease("isolate-8", called(2, "alice", 2));
    await evictDurableObject(configStore());
    const told = await callers();
    expect(told).toHaveLength(2);
    expect(told).toContainEqual(expect.objectContaining({ route: "orders-v1", caller: "alice", requests: 5 }));
    expect(told[0].lastAtMs).toBeGreaterThanOrEqual(told[1].lastAtMs);
    expect(told[0].firstAtMs).toBeLessThanOrEqual(told[0].lastAtMs);
  });

  test("is forgotten in the end, and bounded", async () => {
    await runInDurableObject(configStore(), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO deprecated_callers SELECT 'flood', 'caller-' || i, 1, 1, ? FROM n`,
        limits.lifeCycle.callersMax,
        Date.now() - 60_000,
      );
      storage.sql.exec("UPDATE deprecated_callers SET last_ms = 1 WHERE caller = 'acme'");
    });
    await lease("isolate-9", called(1, "bob", 1));
    const told = await callers();
    expect(told).toHaveLength(limits.lifeCycle.callersMax);
    expect(told[0]).toMatchObject({ caller: "bob", requests: 1 });
    expect(told.map(({ caller }: { caller: string }) => caller)).not.toContain("acme");
  });

  test("is for administrators", async () => {
    expect((await call("GET", "/v1/deprecated", "gateway")).status).toBe(403);
  });
});

describe("where contracts are broken", () => {
  const found = (seq: number, place: string, requests: number) => ({
    seq,
    series: [
      { kind: "drift", labels: ["orders", "getOrder", "response", place, "type"], counts: { requests } },
      { kind: "validation", labels: ["orders", "response"], counts: { invalid: requests } },
    ],
  });
  const drift = async () => (await call("GET", "/v1/drift", "admin")).body.drift;

  test("is known for longer than the window, each report once", async () => {
    expect(await drift()).toEqual([]);
    await lease("isolate-20", found(1, "body/items/*/sku", 3));
    await lease("isolate-20", found(1, "body/items/*/sku", 3));
    await lease("isolate-21", found(1, "header/x-left", 1));
    await lease("isolate-21", found(2, "body/items/*/sku", 2));
    await evictDurableObject(configStore());
    const told = await drift();
    expect(told).toHaveLength(2);
    const times = { firstAtMs: expect.any(Number), lastAtMs: expect.any(Number) };
    const place = { route: "orders", operation: "getOrder", side: "response", keyword: "type", ...times };
    expect(told).toContainEqual({ ...place, place: "body/items/*/sku", requests: 5 });
    expect(told).toContainEqual({ ...place, place: "header/x-left", requests: 1 });
  });

  test("is forgotten in the end, and bounded", async () => {
    await runInDurableObject(configStore(), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO drift SELECT 'flood', 'op', 'request', 'body/' || i, 'type', 1, 1, ? FROM n`,
        limits.validation.placesMax,
        Date.now() - 60_000,
      );
      storage.sql.exec("UPDATE drift SET last_ms = 1 WHERE place = 'header/x-left'");
    });
    await lease("isolate-22", found(1, "status/418", 1));
    const told = await drift();
    expect(told).toHaveLength(limits.validation.placesMax);
    expect(told[0]).toMatchObject({ place: "status/418", requests: 1 });
    expect(told.map(({ place }: { place: string }) => place)).not.toContain("header/x-left");
  });

  test("is for administrators", async () => {
    expect((await call("GET", "/v1/drift", "gateway")).status).toBe(403);
  });
});
