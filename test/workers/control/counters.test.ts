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
