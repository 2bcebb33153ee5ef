/** Purges from the call that makes them to what isolates know of them. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type PurgeChanges, purgeVerdict, takeChanges, unknownPurges } from "../../../shared/cache/purges.ts";
import { shardOfKey } from "../../../shared/cache/shard-of.ts";
import { limits } from "../../../shared/limits.ts";
import { ObjectStore, shardStub } from "../../../workers/gateway/cache/object-store.ts";
import { PurgeKnowledge, purgesOf } from "../../../workers/gateway/cache/purge-knowledge.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { content, env, keep, newHead } from "./support/cache.ts";
import { cacheAdmin, keysToken } from "./support/keys.ts";

afterEach(() => vi.restoreAllMocks());

const bounds = limits.cachePurges;
const tag = (name: string) => ({ kind: "tag", tag: name }) as const;

describe("who may", () => {
  test("only a token of role cache under the secret of administrations", async () => {
    const wrong = [null, "x", await keysToken({ role: "admin" }), await keysToken({ role: "keys" })];
    wrong.push(await keysToken({ role: "cache", secret: new Uint8Array(32).fill(5) }));
    wrong.push(await keysToken({ role: "cache", exp: 1 }));
    const body = { scopes: [{ kind: "all" }] };
    for (const [method, sent] of [
      ["POST", body],
      ["GET", undefined],
    ] as const) {
      const answers = await Promise.all(wrong.map((token) => cacheAdmin(method, "/cache/purges", sent, token)));
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 403, 403, 401, 401]);
    }
  });
});

describe("a purge", () => {
  test("is numbered, and the status tells of it", async () => {
    const scopes = [tag("a"), { kind: "path", path: "/x?y" }, { kind: "prefix", prefix: "/z", host: "h" }];
    const { status, body } = await cacheAdmin("POST", "/cache/purges", { scopes, soft: true });
    expect(status).toBe(201);
    expect(body.purges.map(({ scope }: { scope: unknown }) => scope)).toEqual(scopes);
    const [first, second, third] = body.purges.map(({ number }: { number: number }) => number);
    expect([second - first, third - second]).toEqual([1, 1]);
    const told = await cacheAdmin("GET", "/cache/purges");
    expect(told.body).toMatchObject({ number: third, remembered: 3 });
    await evictDurableObject(purgesOf(env));
    expect((await cacheAdmin("GET", "/cache/purges")).body).toEqual(told.body);
  });

  test.each([
    ["empty", {}],
    ["no JSON", "no json"],
    ["of nothing", { scopes: [] }],
    ["of an unknown kind", { scopes: [{ kind: "everything" }] }],
    ["of no tag", { scopes: [{ kind: "tag" }] }],
    ["of an empty tag", { scopes: [{ kind: "tag", tag: "" }] }],
    ["of a tag with a space", { scopes: [{ kind: "tag", tag: "two words" }] }],
    ["of a long tag", { scopes: [{ kind: "tag", tag: "x".repeat(bounds.tagCharsMax + 1) }] }],
    ["of a path without its slash", { scopes: [{ kind: "path", path: "orders" }] }],
    ["of a path with dots", { scopes: [{ kind: "path", path: "/a/../b" }] }],
    ["of a path that is not normal", { scopes: [{ kind: "path", path: "/%61" }] }],
    ["of a path with a space", { scopes: [{ kind: "path", path: "/a b" }] }],
    ["of a query with a space", { scopes: [{ kind: "path", path: "/a?b c" }] }],
    ["of a host with its port", { scopes: [{ kind: "path", path: "/a", host: "ab.example:8080" }] }],
    ["of a host with its port, by its letters an address", { scopes: [{ kind: "path", path: "/a", host: "ab:8080" }] }],
    ["of an address in brackets", { scopes: [{ kind: "path", path: "/a", host: "[::1]" }] }],
    ["of no host", { scopes: [{ kind: "path", path: "/a", host: "UPPER" }] }],
    ["of a prefix with a query", { scopes: [{ kind: "prefix", prefix: "/a?b" }] }],
    ["with a word that is unknown", { scopes: [{ kind: "all" }], sofft: true }],
    ["with a host for a tag", { scopes: [{ kind: "tag", tag: "a", host: "h" }] }],
    ["half soft", { scopes: [{ kind: "all" }], soft: "yes" }],
    ["of too many", { scopes: Array.from({ length: bounds.scopesMax + 1 }, () => ({ kind: "all" })) }],
  ])("is refused when it is %s", async (_, request) => {
    const { status, body } = await cacheAdmin("POST", "/cache/purges", request);
    expect(status).toBe(400);
    expect(body.detail).not.toBe("");
  });

  test("gives back the room of what it ended, in every object", async () => {
    const store = new ObjectStore(env);
    const keys = Array.from({ length: 40 }, (_, at) => `room ${at}`);
    for (const key of keys) await keep(store, key, content(10), { tags: ["room", key.slice(0, 6)] });
    const left = async (): Promise<number> => {
      const found = await Promise.all(keys.map((key) => store.find(key, Date.now())));
      return found.flat().length;
    };
    expect(new Set(keys.map((key) => shardOfKey(key, limits.cacheStores.shards))).size).toBeGreaterThan(5);
    await cacheAdmin("POST", "/cache/purges", { scopes: [tag("room")], soft: true });
    expect(await left()).toBe(40);
    await cacheAdmin("POST", "/cache/purges", { scopes: [tag("room")] });
    await expect.poll(left, { timeout: 10_000 }).toBe(0);
    await runInDurableObject(shardStub(env, 0), (_, { storage }) => {
      expect(storage.sql.exec("SELECT * FROM pieces").toArray()).toEqual([]);
    });
  });
});

/** An isolate's knowledge, with the log's answers counted, late or missing. */
function isolate() {
  const log = { mode: "up" as "up" | "down" | "silent", questions: 0 };
  const changes = async (since: number): Promise<unknown> => {
    log.questions++;
    if (log.mode === "down") throw new Error("overloaded");
    if (log.mode === "silent") return new Promise(() => undefined);
    return purgesOf(env).changes(since);
  };
  const namespace = { getByName: () => ({ changes }) } as unknown as Env["CACHE_PURGES"];
  const waited: Promise<unknown>[] = [];
  const ctx = { waitUntil: (promise: Promise<unknown>) => void waited.push(promise) };
  const knowledge = new PurgeKnowledge({ CACHE_PURGES: namespace });
  return { log, knowledge, waited, isFresh: (nowMs = Date.now()) => knowledge.isFresh(ctx, nowMs) };
}

describe("what an isolate knows", () => {
  test("it asks once before it serves anything, then beside requests once a second, and never without any", async () => {
    const { log, knowledge, isFresh, waited } = isolate();
    await expect.poll(async () => isFresh()).toBe(true);
    const begun = log.questions;
    expect(knowledge.log.number).toBeGreaterThan(0);
    const now = Date.now();
    const clock = vi.spyOn(Date, "now");
    clock.mockReturnValue(now + bounds.confirmAfterMs - 500);
    expect(isFresh()).toBe(true);
    expect(log.questions).toBe(begun);
    clock.mockReturnValue(now + bounds.confirmAfterMs + 1);
    expect(isFresh()).toBe(true);
    expect(isFresh()).toBe(true);
    await Promise.all(waited);
    expect(log.questions).toBe(begun + 1);
    clock.mockReturnValue(now + 3_600_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => isFresh()));
    expect(answers.every((answer) => answer)).toBe(true);
    expect(log.questions).toBe(begun + 2);
  });

  test("a clock that was set back does not make what it knows young", async () => {
    const { log, isFresh, waited } = isolate();
    await expect.poll(async () => isFresh()).toBe(true);
    await Promise.all(waited);
    const begun = log.questions;
    const now = Date.now();
    const clock = vi.spyOn(Date, "now");
    clock.mockReturnValue(now - 3_600_000);
    expect(await isFresh()).toBe(true);
    expect(log.questions).toBe(begun + 1);
    // A request that began before the last question was sent knows as much.
    clock.mockReturnValue(now - 3_600_500);
    expect(isFresh()).toBe(true);
    expect(log.questions).toBe(begun + 1);
  });

  test("it hears of what was purged elsewhere", async () => {
    const { knowledge, isFresh, waited } = isolate();
    await expect.poll(async () => isFresh()).toBe(true);
    const { body } = await cacheAdmin("POST", "/cache/purges", { scopes: [tag("heard")] });
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + bounds.confirmAfterMs + 1);
    isFresh();
    await Promise.all(waited);
    expect(knowledge.log.purges.at(-1)).toEqual(body.purges[0]);
  });

  test.each(["down", "silent"] as const)(
    "with the log %s it serves for 3 s, then nothing; nobody waits for long",
    async (mode) => {
      vi.spyOn(console, "warn").mockReturnValue();
      const { log, isFresh } = isolate();
      await expect.poll(async () => isFresh()).toBe(true);
      log.mode = mode;
      const now = Date.now();
      const clock = vi.spyOn(Date, "now");
      clock.mockReturnValue(now + bounds.staleMs - 100);
      expect(isFresh()).toBe(true);
      clock.mockReturnValue(now + bounds.staleMs + 1_000);
      expect(await isFresh()).toBe(false);
      expect(await isFresh()).toBe(false);
      expect(log.questions).toBeLessThan(6);
      log.mode = "up";
      clock.mockReturnValue(now + 60_000);
      expect(await isFresh()).toBe(true);
    },
  );
});

test("a log that is full folds its older half, and an eviction loses nothing of that", async () => {
  const log = purgesOf(env);
  const before = (await log.changes(0)).number;
  for (let at = 0; at < bounds.purgesMax + 50; at += 50)
    await log.purge(
      Array.from({ length: 50 }, (_, one) => tag(`flood ${at + one}`.replace(" ", "-"))),
      false,
    );
  const full = (await log.changes(0)) as PurgeChanges;
  expect(full.purges.length).toBeLessThanOrEqual(bounds.purgesMax);
  expect(full.folded?.size).toBeGreaterThan(bounds.purgesMax / 3);
  await evictDurableObject(log);
  expect(await log.changes(0)).toEqual(full);
  expect((await log.changes(full.number - 3)).purges).toHaveLength(3);
  const known = unknownPurges();
  takeChanges(known, full);
  const stored = { ...newHead({ purge: before, tags: ["flood-3"] }) };
  expect(purgeVerdict(known, stored)).toBe("dead");
  expect(purgeVerdict(known, { ...stored, tags: ["flood-2040"] })).toBe("dead");
  expect(purgeVerdict(known, { ...stored, purge: full.number })).toBe("alive");
});

test("a log that was lost ends whatever was stored under it", async () => {
  const { knowledge, isFresh } = isolate();
  await expect.poll(async () => isFresh()).toBe(true);
  const before = knowledge.log.number;
  await runInDurableObject(purgesOf(env), (_, { storage }) => storage.deleteAll());
  await evictDurableObject(purgesOf(env));
  const later = Date.now() + 60_000;
  vi.spyOn(Date, "now").mockReturnValue(later);
  expect(await isFresh()).toBe(true);
  expect(knowledge.log.floor).toBeGreaterThan(before);
});
