/** Bodies that go to clients and stores at the same time, and the tiers behind one another. */
import { describe, expect, test, vi } from "vitest";
import { addPurge, type PurgeScope } from "../../../shared/cache/purges.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import { limits } from "../../../shared/limits.ts";
import { newHeldBytes } from "../../../shared/policy/held-bytes.ts";
import { MemoryStore } from "../../../workers/gateway/cache/memory-store.ts";
import { ObjectStore } from "../../../workers/gateway/cache/object-store.ts";
import { PlatformStore } from "../../../workers/gateway/cache/platform-store.ts";
import { PurgeKnowledge } from "../../../workers/gateway/cache/purge-knowledge.ts";
import { storeBody } from "../../../workers/gateway/cache/store-body.ts";
import { TieredStore } from "../../../workers/gateway/cache/tiered-store.ts";
import { bytesOf, content, env, KiB, MiB, newHead, newKey, streamOf } from "./support/cache.ts";

const bounds = limits.cacheStores;
const never = (): boolean => false;
const any = (heads: readonly StoredHead[]): boolean => heads.length > 0;

/** Pieces of a body, at random places. */
function pieces(bytes: Uint8Array, pieceBytes: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) found.push(bytes.slice(at, at + pieceBytes));
  return found;
}

function storing(body: ReadableStream<Uint8Array>, bodyBytes: number | undefined, held = newHeldBytes()) {
  const memory = new MemoryStore();
  const key = newKey();
  const sink = memory.put(key, newHead(), bodyBytes, Date.now());
  if (sink === undefined) throw new Error("not taken");
  const begun = storeBody(body, sink, bodyBytes, held);
  return { ...begun, held, found: () => memory.find(key, Date.now()), memory, key };
}

describe("a body on its way", () => {
  test.each([
    [0, undefined],
    [0, 0],
    [1, 1],
    [100_000, 100_000],
    [100_000, undefined],
    [MiB, MiB],
  ])("of %i bytes that says %s: what the client has read whole is stored already", async (length, said) => {
    const { body, found, outcome, held } = storing(streamOf(pieces(content(length), 9_999)), said);
    const reader = body.getReader();
    const read: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read.push(value);
      bytes += value.byteLength;
      if (said !== undefined && bytes === length) expect(found()).toHaveLength(1);
    }
    expect(found().map(({ bodyBytes }) => bodyBytes)).toEqual([length]);
    expect(await bytesOf(streamOf(read))).toEqual(content(length));
    expect(await outcome).toBe("stored");
    expect(held.bytes).toBe(0);
  });

  test("that breaks off breaks off for the client too, and is not stored", async () => {
    const { body, found, outcome, held } = storing(streamOf(pieces(content(5_000), 1_000), new Error("reset")), 10_000);
    await expect(bytesOf(body)).rejects.toThrow("reset");
    expect(await outcome).toBe("broken");
    expect(found()).toEqual([]);
    expect(held.bytes).toBe(0);
  });

  test.each([
    ["shorter", 6_000],
    ["longer", 4_000],
    ["longer, in one piece,", 999],
  ])("that is %s than it said goes to the client as it is, and is not stored", async (_, said) => {
    const { body, found, outcome } = storing(streamOf(pieces(content(5_000), 1_000)), said);
    expect(await bytesOf(body)).toEqual(content(5_000));
    expect(await outcome).toBe("unstored");
    expect(found()).toEqual([]);
  });

  test("that is longer than the store takes goes to the client as it is", async () => {
    const { body, found, outcome, held } = storing(streamOf(pieces(content(3 * MiB), 100_000)), undefined);
    expect(await bytesOf(body)).toEqual(content(3 * MiB));
    expect(await outcome).toBe("unstored");
    expect(found()).toEqual([]);
    expect(held.bytes).toBe(0);
  });

  test("whose client leaves is read on to its end and stored", async () => {
    const { body, found, outcome } = storing(streamOf(pieces(content(500_000), 1_000)), 500_000);
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    expect(await outcome).toBe("stored");
    expect(found().map(({ bodyBytes }) => bodyBytes)).toEqual([500_000]);
  });

  test("that nobody wants any more is not read on", async () => {
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(content(100_000)),
      cancel: () => {
        isCancelled = true;
      },
    });
    const { body, outcome } = storing(endless, undefined);
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    expect(await outcome).toBe("unstored");
    expect(isCancelled).toBe(true);
  });

  test("is read ahead of a slow client so far and no further", async () => {
    let read = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          read += 64 * KiB;
          controller.enqueue(content(64 * KiB));
          if (read === 8 * MiB) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const { body, outcome } = storing(source, undefined);
    await expect.poll(() => read).toBeGreaterThanOrEqual(bounds.aheadBytesMax);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(read).toBeLessThanOrEqual(bounds.aheadBytesMax + 128 * KiB);
    expect((await bytesOf(body))?.byteLength).toBe(8 * MiB);
    expect(await outcome).toBe("unstored");
  });

  test("a small one does not wait for its client", async () => {
    const { outcome } = storing(streamOf(pieces(content(500_000), 1_000)), 500_000);
    expect(await outcome).toBe("stored");
  });

  test("beside too many others goes to its client alone", async () => {
    const held = newHeldBytes();
    const hanging = Array.from({ length: 8 }, () => {
      const source = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (let at = 0; at < 10; at++) controller.enqueue(content(100_000));
        },
      });
      return storing(source, undefined, held);
    });
    await expect.poll(() => held.bytes).toBe(8_000_000);
    held.bytes += bounds.writingBytesMax - 8_500_000;
    const late = storing(streamOf(pieces(content(900_000), 50_000)), 900_000, held);
    expect(await bytesOf(late.body)).toEqual(content(900_000));
    expect(await late.outcome).toBe("unstored");
    expect(hanging).toHaveLength(8);
  });
});

describe("many slow clients", () => {
  /** Bodies of which nobody reads anything, and what was read of all of them. */
  function unread(count: number, bytes: number, held = newHeldBytes()) {
    const read: number[] = Array.from({ length: count }, () => 0);
    const begun = read.map((_, at) => {
      const source = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            read[at] = (read[at] ?? 0) + 50_000;
            controller.enqueue(content(50_000));
            if (read[at] === bytes) controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      return storing(source, bytes > MiB ? undefined : bytes, held);
    });
    return { begun, held, bytes: () => read.reduce((sum, one) => sum + one, 0) };
  }
  const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 50));

  test.each([10_000_000, 1_000_000])("of bodies of %i bytes take no more than the bound", async (bytes) => {
    const slow = unread(100, bytes);
    await settle();
    const pieces = 100 * 50_000;
    expect(slow.bytes()).toBeLessThanOrEqual(bounds.writingBytesMax + pieces);
    expect(slow.held.bytes).toBeLessThanOrEqual(bounds.writingBytesMax);
    const sizes = await Promise.all(slow.begun.map(async ({ body }) => (await bytesOf(body))?.byteLength));
    expect(sizes).toEqual(slow.begun.map(() => bytes));
    await expect.poll(() => slow.held.bytes).toBe(0);
  });

  test("leave room for small bodies", async () => {
    const { held } = unread(100, 1_000_000);
    await settle();
    const small = storing(streamOf(pieces(content(100_000), 9_999)), 100_000, held);
    expect(await bytesOf(small.body)).toEqual(content(100_000));
    expect(await small.outcome).toBe("stored");
  });

  test("who leave give back what was held for them", async () => {
    const slow = unread(20, 1_000_000);
    await settle();
    expect(slow.held.bytes).toBeGreaterThan(0);
    await Promise.all(slow.begun.map(({ body }) => body.cancel()));
    await expect.poll(() => slow.held.bytes).toBe(0);
  });
});

interface Tiers {
  readonly store: TieredStore;
  readonly purges: PurgeKnowledge;
  readonly ctx: { waitUntil(promise: Promise<unknown>): void };
  readonly waited: Promise<unknown>[];
}

/** One isolate's stores. @param isCloudflare whether the platform has a cache */
async function tiers(isCloudflare: boolean): Promise<Tiers> {
  const platform = new PlatformStore();
  if (isCloudflare) await platform.detect();
  else vi.spyOn(platform, "isPresent", "get").mockReturnValue(false);
  const purges = new PurgeKnowledge(env);
  const waited: Promise<unknown>[] = [];
  const ctx = { waitUntil: (promise: Promise<unknown>) => void waited.push(promise) };
  await expect.poll(async () => purges.isFresh(ctx, Date.now()), { timeout: 20_000 }).toBe(true);
  return { store: new TieredStore(env, purges, new MemoryStore(), platform), purges, ctx, waited };
}

async function fetched(
  { store, purges }: Tiers,
  key: string,
  bytes: Uint8Array,
  reach: "near" | "everywhere" = "near",
  more: Partial<StoredHead> = {},
): Promise<StoredHead> {
  const head = newHead({ purge: purges.log.number, ...more });
  const sink = store.put(key, head, bytes.byteLength, reach, Date.now());
  if (sink === undefined) throw new Error("no store takes it");
  const { body, ended } = store.store(streamOf(pieces(bytes, 64 * KiB)), sink, bytes.byteLength);
  expect(await bytesOf(body)).toEqual(bytes);
  await ended;
  return { ...head, bodyBytes: bytes.byteLength };
}

const purge = (log: PurgeKnowledge["log"], scope: PurgeScope, soft = false): void =>
  void addPurge(log, { scope, soft }, limits.cachePurges, Date.now());

describe("tiers", () => {
  test("a hit from memory is there at once, without a promise", async () => {
    const one = await tiers(false);
    const key = newKey();
    const head = await fetched(one, key, content(1000));
    expect(one.store.find(key, any, "near", Date.now())).toEqual([head]);
    expect(one.store.open(key, head, "near", one.ctx)).toEqual(content(1000));
  });

  test.each([
    ["the objects", false],
    ["the platform's cache", true],
  ])("another isolate finds it in %s, and then in its own memory", async (_, isCloudflare) => {
    const [one, other] = [await tiers(isCloudflare), await tiers(isCloudflare)];
    for (const length of [0, 1000, 900 * KiB]) {
      const key = newKey();
      const head = await fetched(one, key, content(length));
      expect(await other.store.find(key, any, "near", Date.now())).toEqual([head]);
      expect(await bytesOf(await other.store.open(key, head, "near", other.ctx))).toEqual(content(length));
      await Promise.all(other.waited);
      expect(other.store.memory.find(key, Date.now())).toEqual([head]);
      const objects = await new ObjectStore(env).find(key, Date.now());
      expect(objects).toHaveLength(isCloudflare ? 0 : 1);
    }
  });

  test("a large body is kept behind memory alone, and parts of it do not fill memory", async () => {
    const one = await tiers(false);
    const key = newKey();
    const bytes = content(2.5 * MiB);
    const head = await fetched(one, key, bytes);
    expect(one.store.memory.size).toBe(0);
    const part = await bytesOf(await one.store.open(key, head, "near", one.ctx, { first: 5, last: 2 * MiB }));
    expect(part).toEqual(bytes.slice(5, 2 * MiB + 1));
    expect(await bytesOf(await one.store.open(key, head, "near", one.ctx))).toEqual(bytes);
    expect(one.store.memory.size).toBe(0);
  });

  test("with the reach of everywhere it is in the objects beside the platform's cache", async () => {
    const one = await tiers(true);
    const key = newKey();
    const head = await fetched(one, key, content(10), "everywhere");
    expect(await new ObjectStore(env).find(key, Date.now())).toEqual([head]);
    const other = await tiers(false);
    expect(await other.store.find(key, any, "everywhere", Date.now())).toEqual([head]);
  });

  test("a variant that memory lacks is looked for behind it, and the younger head of each counts", async () => {
    const [one, other] = [await tiers(false), await tiers(false)];
    const key = newKey();
    const french = await fetched(one, key, content(10), "near", { selectedBy: { "accept-language": "fr" } });
    const english = await fetched(other, key, content(20), "near", { selectedBy: { "accept-language": "en" } });
    const younger = { ...french, receivedAtMs: french.receivedAtMs + 1_000 };
    await other.store.replace(key, younger, "near");
    const hasEnglish = (heads: readonly StoredHead[]): boolean => heads.some(({ id }) => id === english.id);
    expect(one.store.find(key, any, "near", Date.now())).toEqual([french]);
    const found = await one.store.find(key, hasEnglish, "near", Date.now());
    expect(found).toContainEqual(english);
    expect(await one.store.find(key, never, "near", Date.now())).toContainEqual(younger);
  });

  test("what is removed is gone from all of them", async () => {
    const one = await tiers(true);
    const key = newKey();
    await fetched(one, key, content(10), "everywhere");
    await one.store.remove(key, "everywhere");
    expect(await one.store.find(key, never, "everywhere", Date.now())).toEqual([]);
  });

  test("what a purge ended is not found anywhere; what it did not is, and is looked at once", async () => {
    const one = await tiers(true);
    const key = newKey();
    const dead = await fetched(one, key, content(10), "everywhere", { tags: ["x"] });
    const alive = await fetched(one, key, content(20), "everywhere", { tags: ["y"] });
    purge(one.purges.log, { kind: "tag", tag: "x" });
    const judged = { ...alive, purge: one.purges.log.number };
    expect(await one.store.find(key, never, "everywhere", Date.now())).toEqual([judged]);
    expect(one.store.memory.find(key, Date.now())).toEqual([judged]);
    expect(one.store.memory.open(key, dead)).toBeUndefined();
    purge(one.purges.log, { kind: "tag", tag: "y" }, true);
    expect(one.store.find(key, any, "near", Date.now())).toEqual([judged]);
    purge(one.purges.log, { kind: "all" });
    expect(await one.store.find(key, never, "everywhere", Date.now())).toEqual([]);
    expect(one.store.memory.size).toBe(0);
  });

  test("what was stored before anybody knew of purges is not found", async () => {
    const one = await tiers(false);
    const key = newKey();
    await fetched(one, key, content(10), "near", { purge: 0 });
    expect(await one.store.find(key, never, "near", Date.now())).toEqual([]);
  });

  test("a head that is too large is not stored", async () => {
    const one = await tiers(false);
    const fields = [["x", "y".repeat(bounds.headBytesMax)]] as const;
    expect(one.store.put(newKey(), newHead({ fields }), 1, "near", Date.now())).toBeUndefined();
  });

  test("a shard that fails holds nobody up twice, and memory goes on", async () => {
    const broken = { CACHE: { getByName: () => ({ find: () => Promise.reject(new Error("down")) }) } };
    const store = new ObjectStore(broken as never);
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    expect(await store.find("k", Date.now())).toEqual([]);
    expect(await store.find("k", Date.now())).toEqual([]);
    expect(warned).toHaveBeenCalledTimes(1);
    expect(store.put("k", newHead(), 1, Date.now())).toBeUndefined();
    warned.mockRestore();
  });

  test("memory keeps to its bound over 10,000 keys, and to what is asked for again", async () => {
    const memory = new MemoryStore(4 * MiB);
    const put = (key: string): void => {
      const sink = memory.put(key, newHead(), 1024, Date.now());
      sink?.write(content(1024));
      sink?.commit();
    };
    put("hot");
    for (let at = 0; at < 10_000; at++) {
      put(`key ${at}`);
      if (at % 50 === 0) expect(memory.find("hot", Date.now())).toHaveLength(1);
      expect(memory.bytes).toBeLessThanOrEqual(4 * MiB);
    }
    expect(memory.size).toBeGreaterThan(1_500);
    memory.remove("hot");
    for (let at = 0; at < 10_000; at++) memory.remove(`key ${at}`);
    expect([memory.bytes, memory.size]).toEqual([0, 0]);
  });
});
