/** One suite for every store: what it is given whole it gives back, and nothing else. */
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { shardOfKey } from "../../../shared/cache/shard-of.ts";
import { limits } from "../../../shared/limits.ts";
import type { CacheStore } from "../../../workers/gateway/cache/cache-store.ts";
import { MemoryStore } from "../../../workers/gateway/cache/memory-store.ts";
import { ObjectStore, shardStub } from "../../../workers/gateway/cache/object-store.ts";
import { PlatformStore } from "../../../workers/gateway/cache/platform-store.ts";
import { bytesOf, content, env, KiB, keep, MiB, newHead, newKey, writeAll } from "./support/cache.ts";

const bounds = limits.cacheStores;

interface Candidate {
  readonly open: () => Promise<CacheStore>;
  readonly bodyBytesMax: number;
  /** What another isolate, or the same one after a restart, has of it; undefined: nothing. */
  readonly restart?: (key: string) => Promise<CacheStore>;
}

const platform = async (): Promise<PlatformStore> => {
  const store = new PlatformStore();
  expect(await store.detect()).toBe(true);
  return store;
};
const candidates: Record<string, Candidate> = {
  memory: { open: async () => new MemoryStore(), bodyBytesMax: bounds.memoryBodyBytesMax },
  platform: { open: platform, bodyBytesMax: bounds.bodyBytesMax, restart: platform },
  objects: {
    open: async () => new ObjectStore(env),
    bodyBytesMax: bounds.bodyBytesMax,
    restart: async (key) => {
      await evictDurableObject(shardStub(env, shardOfKey(key, bounds.shards)));
      return new ObjectStore(env);
    },
  },
};

describe.each(Object.entries(candidates))("%s", (_, { open, bodyBytesMax, restart }) => {
  test.each([0, 1, 1000, MiB - 1, MiB, MiB + 1, 10 * MiB])(
    "a body of %i bytes comes back as it was",
    async (length) => {
      const store = await open();
      const key = newKey();
      expect(await store.find(key, Date.now())).toEqual([]);
      const head = newHead({ tags: ["a", "b"], selectedBy: { accept: "text/plain", "accept-language": null } });
      const stored = await writeAll(store.put(key, head, length, Date.now()), content(length), 300_000);
      expect(stored).toBe(length <= bodyBytesMax);
      const found = await store.find(key, Date.now());
      expect(found).toEqual(stored ? [{ ...head, bodyBytes: length }] : []);
      if (found[0] !== undefined) expect(await bytesOf(await store.open(key, found[0]))).toEqual(content(length));
    },
  );

  test("a body whose length nobody said comes back as it was", async () => {
    const store = await open();
    const key = newKey();
    expect(await writeAll(store.put(key, newHead(), undefined, Date.now()), content(200 * KiB), 7_001)).toBe(true);
    const [head] = await store.find(key, Date.now());
    expect(head?.bodyBytes).toBe(200 * KiB);
    expect(head && (await bytesOf(await store.open(key, head)))).toEqual(content(200 * KiB));
  });

  test.each([
    [0, 0],
    [0, 99],
    [1, 2],
    [500, 999],
    [999, 999],
  ])("bytes %i to %i of it", async (first, last) => {
    const store = await open();
    const key = newKey();
    const head = await keep(store, key, content(1000));
    const part = await bytesOf(await store.open(key, head, { first, last }));
    expect(part).toEqual(content(1000).slice(first, last + 1));
  });

  test("bytes over the seam of pieces", async () => {
    if (bodyBytesMax <= bounds.pieceBytesMax) return;
    const store = await open();
    const key = newKey();
    const bytes = content(3 * MiB);
    const head = await keep(store, key, bytes);
    for (const [first, last] of [
      [MiB - 1, MiB],
      [MiB, 2 * MiB - 1],
      [10, 3 * MiB - 1],
      [2 * MiB + 5, 2 * MiB + 6],
    ] as const)
      expect(await bytesOf(await store.open(key, head, { first, last }))).toEqual(bytes.slice(first, last + 1));
  });

  test("a body that breaks off leaves nothing", async () => {
    const store = await open();
    const key = newKey();
    const head = newHead();
    const sink = store.put(key, head, 3 * MiB, Date.now()) ?? store.put(key, head, undefined, Date.now());
    await sink?.write(content(700 * KiB));
    expect(await store.find(key, Date.now())).toEqual([]);
    await sink?.write(content(700 * KiB));
    await sink?.abort();
    expect(await store.find(key, Date.now())).toEqual([]);
    const left = async () => bytesOf(await store.open(key, { ...head, bodyBytes: 3 * MiB }));
    expect(await left().catch(() => undefined)).toBeUndefined();
  });

  test("several answers of a key stand beside each other, as many as the bound says", async () => {
    const store = await open();
    const key = newKey();
    const ids: string[] = [];
    for (let at = 0; at < bounds.variantsMax + 3; at++)
      ids.push((await keep(store, key, content(10 + at), { selectedBy: { "accept-language": String(at) } })).id);
    const found = await store.find(key, Date.now());
    expect(found.map(({ id }) => id).sort()).toEqual(ids.slice(3).sort());
    for (const head of found) {
      const body = await bytesOf(await store.open(key, head));
      expect(body).toEqual(content(10 + Number(head.selectedBy["accept-language"])));
    }
  });

  test("answers put at the same time are each whole or not there", async () => {
    const store = await open();
    const key = newKey();
    const lengths = [10, 1_000, 100_000, 300_000, 900_000];
    await Promise.all(
      lengths.map((length) => writeAll(store.put(key, newHead(), length, Date.now()), content(length), 30_000)),
    );
    const found = await store.find(key, Date.now());
    expect(found.length).toBeGreaterThan(0);
    for (const head of found) expect(await bytesOf(await store.open(key, head))).toEqual(content(head.bodyBytes));
  });

  test("a head is replaced, its body stays; one that is gone does not come back by it", async () => {
    const store = await open();
    const key = newKey();
    const head = await keep(store, key, content(1000), { tags: ["old"] });
    const other = await keep(store, key, content(20));
    const newer = { ...head, fields: [["etag", '"2"']] as const, tags: ["new"], receivedAtMs: head.receivedAtMs + 5 };
    await store.replace(key, newer);
    const found = await store.find(key, Date.now());
    expect(found.find(({ id }) => id === head.id)).toEqual(newer);
    expect(found).toHaveLength(2);
    expect(await bytesOf(await store.open(key, newer))).toEqual(content(1000));
    await store.remove(key, [head.id]);
    await store.replace(key, newer);
    expect(await store.find(key, Date.now())).toEqual([other]);
  });

  test("what is removed is gone: one answer, or all of a key", async () => {
    const store = await open();
    const [key, beside] = [newKey(), newKey()];
    const one = await keep(store, key, content(10));
    const other = await keep(store, key, content(20));
    await keep(store, beside, content(30));
    await store.remove(key, [one.id]);
    expect(await store.find(key, Date.now())).toEqual([other]);
    expect(await store.open(key, one)).toBeUndefined();
    await store.remove(key);
    expect(await store.find(key, Date.now())).toEqual([]);
    expect(await store.find(beside, Date.now())).toHaveLength(1);
  });

  test("what is of no use any more is not found", async () => {
    const store = await open();
    const key = newKey();
    const endsAtMs = Date.now() + 60_000;
    await keep(store, key, content(10), { keepUntilMs: endsAtMs });
    const lasting = await keep(store, key, content(20));
    expect(await store.find(key, endsAtMs - 1)).toHaveLength(2);
    expect(await store.find(key, endsAtMs)).toEqual([lasting]);
  });

  test.each([
    "\0",
    "a\0b",
    "é ü 漢 \u{1f600}",
    "\ud800",
    "\udc00 alone",
    "'; DROP TABLE entries; --",
    "%",
    "https://x/?a=b#c\r\nhost: y",
    "__proto__",
    "constructor",
  ])("a hostile key is a key as others: %j", async (hostile) => {
    const store = await open();
    const key = `${newKey()}${hostile}`;
    const head = await keep(store, key, content(10));
    expect(await store.find(key, Date.now())).toEqual([head]);
    expect(await store.find(`${key} `, Date.now())).toEqual([]);
  });

  test("a key is as long as the bound says, and no longer", async () => {
    const store = await open();
    const key = newKey();
    const long = key + "x".repeat(bounds.keyCharsMax - key.length);
    const head = await keep(store, long, content(10));
    expect(await store.find(long, Date.now())).toEqual([head]);
    expect(store.put(`${long}x`, newHead(), 10, Date.now())).toBeUndefined();
  });

  test("keys that look alike to an encoder are different keys", async () => {
    const store = await open();
    const base = newKey();
    const head = await keep(store, `${base}\ud800`, content(10));
    expect(await store.find(`${base}\ufffd`, Date.now())).toEqual([]);
    expect(await store.find(`${base}\ud801`, Date.now())).toEqual([]);
    expect(await store.find(`${base}\ud800`, Date.now())).toEqual([head]);
  });

  test("a restart loses nothing of what is kept outside, and a new memory is empty", async () => {
    const store = await open();
    const key = newKey();
    const bytes = content(1000);
    const head = await keep(store, key, bytes);
    const sink = store.put(key, newHead(), undefined, Date.now());
    await sink?.write(content(900 * KiB));
    await sink?.write(content(900 * KiB));
    const again = restart === undefined ? await open() : await restart(key);
    expect(await again.find(key, Date.now())).toEqual(restart === undefined ? [] : [head]);
    if (restart !== undefined) expect(await bytesOf(await again.open(key, head))).toEqual(bytes);
    await sink?.abort();
  });
});
