/** The objects that keep records of requests. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { KeptAnswer, StoreQuestion } from "../../../workers/gateway/objects/idempotency-store.ts";
import { IdempotencyRecords } from "../../../workers/gateway/upstream/idempotency-records.ts";
import { counting, env, pay, payments, start, told } from "./support/idempotency.ts";

afterEach(() => vi.restoreAllMocks());

const created = (count: number): Response => Response.json({ id: count }, { status: 201 });
const open = (name: string) => env.IDEMPOTENCY.get(env.IDEMPOTENCY.idFromName(name));
const question = (attempt: string, more: Partial<StoreQuestion> = {}): StoreQuestion => ({
  key: "k",
  fingerprint: "f",
  attempt,
  leaseMs: 60_000,
  ttlMs: 3_600_000,
  onUnknown: "refuse",
  waitMs: 0,
  ...more,
});
const answer: KeptAnswer = { status: 201, fields: [["x-a", "1"]], body: new TextEncoder().encode("done") };
const kept = (attempt: string, more: object = {}) =>
  ({ key: "k", attempt, outcome: "kept", status: 201, ttlMs: 3_600_000, answer, ...more }) as const;

describe("an object", () => {
  test("forgets neither locks nor answers when it is evicted", async () => {
    const store = open("evicted");
    expect(await store.begin(question("a"))).toEqual({ kind: "run" });
    await evictDurableObject(store);
    expect(await store.begin(question("b"))).toMatchObject({ kind: "running" });
    expect(await store.settle(kept("a"))).toBe("kept");
    await evictDurableObject(store);
    const replay = await store.begin(question("b"));
    expect(replay).toMatchObject({ kind: "replay", answer: { status: 201, fields: [["x-a", "1"]] } });
    expect(replay.kind === "replay" && new TextDecoder().decode(replay.answer.body ?? undefined)).toBe("done");
  });

  test("answers those who wait when the first has ended, or its lock has", async () => {
    const store = open("waiting");
    await store.begin(question("a"));
    const waiting = ["b", "c"].map((name) => store.begin(question(name, { waitMs: 20_000 })));
    await store.settle(kept("a"));
    expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(["replay", "replay"]);
    await store.begin(question("a", { key: "short", leaseMs: 50 }));
    expect(await store.begin(question("b", { key: "short", waitMs: 20_000 }))).toEqual({ kind: "unknown" });
    await runInDurableObject(store, (_, { storage }) => {
      const rows = storage.sql.exec("SELECT state FROM records WHERE key = 'short'").toArray();
      expect(rows).toEqual([{ state: "unknown" }]);
    });
  });

  test("gives a large answer to those who waited in turn, and to all of them", async () => {
    const store = open("large");
    await store.begin(question("a"));
    const { answerBytesMax, copiedBytesMax } = limits.idempotency;
    const atOnce = copiedBytesMax / answerBytesMax;
    let answered = 0;
    const waiting = Array.from({ length: 3 * atOnce }, async (_, at) => {
      const { kind } = await store.begin(question(`b${at}`, { waitMs: 20_000 }));
      answered++;
      return kind;
    });
    const woken = await runInDurableObject(store, async (object) => {
      await expect.poll(() => object.heldCount).toBe(3 * atOnce);
      object.settle(kept("a", { answer: { ...answer, body: new Uint8Array(answerBytesMax) } }));
      return 3 * atOnce - object.heldCount;
    });
    expect(woken).toBe(atOnce);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["replay"]));
    expect(answered).toBe(3 * atOnce);
  });

  test("holds so many calls and no more", async () => {
    const store = open("held");
    await store.begin(question("a"));
    const { heldMax } = limits.idempotency;
    const held = Array.from({ length: heldMax + 5 }, (_, at) => store.begin(question(`b${at}`, { waitMs: 20_000 })));
    const first = await Promise.race(held);
    expect(first.kind).toBe("running");
    await store.settle(kept("a"));
    const kinds = (await Promise.all(held)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "running")).toHaveLength(5);
  });

  test("that holds as many as it can is not asked again by those who come then", async () => {
    const records = new IdempotencyRecords();
    const identity = { method: "anonymous", sub: "" } as unknown as Identity;
    const address = await records.addressOf(env, "crowded", identity, "k");
    const store = env.IDEMPOTENCY.get(address.id);
    const { key } = address;
    await store.begin(question("a", { key }));
    const { heldMax } = limits.idempotency;
    const held = Array.from({ length: heldMax + 1 }, (_, at) =>
      store.begin(question(`b${at}`, { key, waitMs: 20_000 })),
    );
    await Promise.race(held);
    const { key: _, ...late } = question("late", { waitMs: 20_000 });
    expect(await records.begin(env, address, late)).toMatchObject({ kind: "running" });
    await store.settle(kept("a", { key }));
    const kinds = (await Promise.all(held)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "replay")).toHaveLength(heldMax);
  });

  test("believes only whoever has the lock", async () => {
    const store = open("foreign");
    expect(await store.settle(kept("a"))).toBeUndefined();
    await store.begin(question("a"));
    expect(await store.settle(kept("b"))).toBeUndefined();
    expect(await store.settle(kept("a", { key: "other" }))).toBeUndefined();
    expect(await store.settle(kept("a"))).toBe("kept");
    expect(await store.settle(kept("a", { outcome: "released" }))).toBeUndefined();
    expect(await store.begin(question("c"))).toMatchObject({ kind: "replay" });
  });

  test("takes no more than its bounds of records and of content", async () => {
    const store = open("full");
    await store.begin(question("a"));
    await runInDurableObject(store, (_, { storage }) => {
      const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${limits.idempotency.recordsMax - 1})
        INSERT INTO records SELECT 'x' || i, 'kept', 'f', 'a', 0, 0, ?, 200, ?, '[]', NULL FROM n`;
      storage.sql.exec(
        rows,
        Date.now() + 60_000,
        Math.floor(limits.idempotency.storedBytesMax / limits.idempotency.recordsMax),
      );
    });
    await evictDurableObject(store);
    const full = await store.begin(question("b", { key: "new" }));
    expect(full.kind === "full" && full.retryAfterMs).toBeGreaterThan(50_000);
    const long = { ...answer, body: new Uint8Array(1024 * 1024) };
    expect(await store.settle(kept("a", { answer: long }))).toBe("unkept");
    expect(await store.begin(question("b"))).toEqual({ kind: "unkept", status: 201 });
    const later = Date.now() + 61_000;
    vi.spyOn(Date, "now").mockReturnValue(later);
    expect(await store.begin(question("b", { key: "new" }))).toEqual({ kind: "run" });
  });

  test("removes what has ended, and in the end itself", async () => {
    const store = open("cleaned");
    await store.begin(question("a", { leaseMs: 1_000, ttlMs: 1_000 }));
    await store.begin(question("b", { key: "long", leaseMs: 1_000, ttlMs: 7_200_000 }));
    const now = Date.now();
    const clock = vi.spyOn(Date, "now");
    const rows = (): Promise<unknown[]> =>
      runInDurableObject(store, (_, { storage }) => storage.sql.exec("SELECT key FROM records").toArray());
    clock.mockReturnValue(now + 3_000);
    expect(await runDurableObjectAlarm(store)).toBe(true);
    expect(await rows()).toEqual([{ key: "long" }]);
    clock.mockReturnValue(now + 8_000_000);
    expect(await runDurableObjectAlarm(store)).toBe(true);
    await runInDurableObject(store, async (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'records'").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
    expect(await store.settle(kept("b", { key: "long" }))).toBeUndefined();
    expect(await store.begin(question("c"))).toEqual({ kind: "run" });
    expect(await rows()).toEqual([{ key: "k" }]);
    await runInDurableObject(store, async (_, { storage }) => expect(await storage.getAlarm()).not.toBeNull());
  });
});

describe("the gateway with objects", () => {
  test("that do not answer: 503, and nothing goes out", async () => {
    const broken = {
      ...env.IDEMPOTENCY,
      idFromName: () => ({}),
      get: () => ({
        begin: () => Promise.reject(new Error("overloaded")),
        settle: () => Promise.reject(new Error("overloaded")),
      }),
    };
    const gateway = await start(payments(), counting(created).outside, {
      env: { IDEMPOTENCY: broken as unknown as typeof env.IDEMPOTENCY },
    });
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([503, "idempotency_unavailable"]);
    expect(gateway.sent).toEqual([]);
    expect((await pay(gateway, {})).status).toBe(201);
  });

  test("hold neither keys nor names nor cookies", async () => {
    const { outside } = counting(() => new Response("x", { headers: { "set-cookie": "session=alice" } }));
    const names: string[] = [];
    const watched = {
      idFromName: (name: string) => {
        names.push(name);
        return env.IDEMPOTENCY.idFromName(name);
      },
      get: (id: DurableObjectId) => env.IDEMPOTENCY.get(id),
    } as unknown as typeof env.IDEMPOTENCY;
    const gateway = await start(payments(), outside, { env: { IDEMPOTENCY: watched } });
    expect((await pay(gateway, { key: '"order-of-alice"' })).headers.get("set-cookie")).toBe("session=alice");
    expect((await pay(gateway, { key: '"order-of-alice"' })).headers.get("set-cookie")).toBeNull();
    expect(names.join()).not.toMatch(/alice/);
    await runInDurableObject(env.IDEMPOTENCY.get(env.IDEMPOTENCY.idFromName(names[0] as string)), (_, state) => {
      const rows = state.storage.sql.exec("SELECT * FROM records").toArray();
      expect(rows).toHaveLength(1);
      expect(JSON.stringify(rows)).not.toMatch(/alice/);
    });
  });
});
