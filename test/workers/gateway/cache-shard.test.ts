/** The objects that keep answers: their bounds, what purges and alarms take away, and who asks the origin. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import { limits } from "../../../shared/limits.ts";
import { content, env, KiB, MiB, newHead } from "./support/cache.ts";

afterEach(() => vi.restoreAllMocks());

const bounds = limits.cacheStores;
let unique = 0;
const newShard = () => env.CACHE.getByName(`test-${unique++}`);
type Shard = ReturnType<typeof newShard>;

const put = async (
  shard: Shard,
  key: string,
  bytes: Uint8Array,
  more: Partial<StoredHead> = {},
): Promise<StoredHead> => {
  const head = { ...newHead(), bodyBytes: bytes.byteLength, ...more };
  expect(await shard.commit(key, head, bytes)).toBe(true);
  return head;
};
const idsOf = async (shard: Shard, key: string): Promise<string[]> =>
  ((await shard.find(key)) as string[]).map((text) => (JSON.parse(text) as StoredHead).id);
const rows = (shard: Shard): Promise<Record<string, number>> =>
  runInDurableObject(shard, (_, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('entries', 'pieces', 'tags')")
      .toArray();
    return Object.fromEntries(
      tables.map(({ name }) => [name, storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${name}`).one().n]),
    );
  });
/** As if so many bytes were there already. */
const fill = async (shard: Shard, bytes: number): Promise<void> => {
  await runInDurableObject(shard, (_, { storage }) => {
    storage.sql.exec(
      "INSERT INTO entries (id, head, bytes, ends_at) VALUES ('filler', '', ?, ?)",
      bytes,
      Date.now() + 1e9,
    );
  });
  await evictDurableObject(shard);
};

describe("room", () => {
  test("what was not used goes first, what was used is spared once, and the bound holds", async () => {
    const shard = newShard();
    const heads: StoredHead[] = [];
    for (let at = 0; at < 4; at++) heads.push(await put(shard, `k${at}`, content(MiB)));
    await fill(shard, bounds.shardBytesMax - 4.5 * MiB);
    await idsOf(shard, "k0");
    await idsOf(shard, "k2");
    await put(shard, "k4", content(MiB));
    await put(shard, "k5", content(MiB));
    const found = await Promise.all(["k0", "k1", "k2", "k3", "k4", "k5"].map((key) => idsOf(shard, key)));
    expect(found.map((ids) => ids.length)).toEqual([1, 0, 1, 0, 1, 1]);
    const bytes = await runInDurableObject(
      shard,
      (_, { storage }) => storage.sql.exec<{ bytes: number }>("SELECT sum(bytes) AS bytes FROM entries").one().bytes,
    );
    expect(bytes).toBeLessThanOrEqual(bounds.shardBytesMax);
  });

  test("where everything is on its way in there is none, and nobody's body is spoiled for another", async () => {
    const shard = newShard();
    expect(await shard.append("one", 0, content(MiB))).toBe(true);
    await fill(shard, bounds.shardBytesMax - MiB - 10);
    expect(await shard.append("two", 0, content(MiB))).toBe(false);
    expect(await shard.append("one", MiB, content(5))).toBe(true);
  });

  test("what is being read is no room, and does not cost the others theirs", async () => {
    const shard = newShard();
    const read = await put(shard, "read", content(MiB));
    await put(shard, "beside", content(MiB));
    await shard.append("long", 0, content(MiB));
    await put(shard, "long", content(MiB), { id: "long", bodyBytes: 2 * MiB });
    await fill(shard, bounds.shardBytesMax - 4 * MiB - 10_000);
    await shard.read("long", 0);
    await shard.read(read.id, 0);
    expect(await shard.append("new", 0, content(MiB))).toBe(true);
    expect(await shard.append("new", MiB, content(MiB))).toBe(true);
    expect(await shard.append("new", 2 * MiB, content(MiB))).toBe(false);
    expect([await idsOf(shard, "read"), await idsOf(shard, "long")]).toEqual([[], ["long"]]);
  });

  test("takes pieces in their order alone, and no second body under an id", async () => {
    const shard = newShard();
    expect(await shard.append("a", 5, content(10))).toBe(false);
    expect(await shard.append("a", 0, content(10))).toBe(true);
    expect(await shard.append("a", 0, content(10))).toBe(false);
    expect(await shard.append("a", 20, content(10))).toBe(false);
    const head = { ...newHead({ id: "a" }), bodyBytes: 30 };
    expect(await shard.commit("k", head, content(10))).toBe(false);
    expect(await shard.commit("k", { ...head, bodyBytes: 20 }, content(10))).toBe(true);
    expect(await shard.commit("k", { ...head, bodyBytes: 20 }, content(10))).toBe(false);
    expect(await shard.append("a", 20, content(10))).toBe(false);
    await shard.abort("a");
    expect(await idsOf(shard, "k")).toEqual(["a"]);
  });
});

describe("an eviction of the object", () => {
  test("loses nothing that was committed, and what was not can go on", async () => {
    const shard = newShard();
    const head = await put(shard, "k", content(1000), { tags: ["t"] });
    await shard.append("half", 0, content(100));
    await evictDurableObject(shard);
    expect(await idsOf(shard, "k")).toEqual([head.id]);
    expect(new Uint8Array((await shard.read(head.id, 0))?.bytes ?? new ArrayBuffer())).toEqual(content(1000));
    expect(await shard.commit("k2", { ...newHead({ id: "half" }), bodyBytes: 101 }, content(1))).toBe(true);
  });
});

describe("readers", () => {
  test("of a body that is removed get it to its end; then it goes", async () => {
    const shard = newShard();
    const body = content(3 * MiB);
    await shard.append("long", 0, body.slice(0, MiB));
    await shard.append("long", MiB, body.slice(MiB, 2 * MiB));
    await shard.commit("k", { ...newHead({ id: "long" }), bodyBytes: 3 * MiB }, body.slice(2 * MiB));
    await shard.read("long", 0);
    await shard.remove("k");
    expect(await idsOf(shard, "k")).toEqual([]);
    expect((await shard.read("long", 2 * MiB + 5))?.first).toBe(2 * MiB);
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + bounds.readerGraceMs + bounds.sweepMs);
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    expect(await shard.read("long", 0)).toBeUndefined();
    expect(await rows(shard)).toEqual({});
  });
});

describe("the alarm", () => {
  test("removes what has ended and what nobody committed, and in the end everything", async () => {
    const shard = newShard();
    const now = Date.now();
    await put(shard, "short", content(10), { keepUntilMs: now + 1_000, tags: ["x"] });
    await put(shard, "long", content(10), { keepUntilMs: now + 3_600_000 });
    await shard.append("nobody's", 0, content(100));
    const clock = vi.spyOn(Date, "now").mockReturnValue(now + bounds.uncommittedMs + 1_000);
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    expect(await rows(shard)).toEqual({ entries: 1, pieces: 1, tags: 0 });
    clock.mockReturnValue(now + 3_700_000);
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    expect(await rows(shard)).toEqual({});
    expect(await runDurableObjectAlarm(shard)).toBe(false);
    await put(shard, "again", content(10), { keepUntilMs: now + 4_000_000 });
    expect(await idsOf(shard, "again")).toHaveLength(1);
  });
});

describe("a purge gives back the room of what it ended", () => {
  const answers = [
    ["a", { tags: ["orders", "eu"], target: "/orders/1", host: "a.example" }],
    ["b", { tags: ["orders"], target: "/orders/1?page=2", host: "b.example" }],
    ["c", { tags: [], target: "/orders", host: "a.example" }],
    ["d", { tags: ["ord"], target: "/%6Frders/2", host: "a.example" }],
    ["new", { tags: ["orders"], target: "/orders/1", host: "a.example", purge: 50 }],
  ] as const;

  test.each([
    [{ kind: "all" }, "new"],
    [{ kind: "tag", tag: "orders" }, "c d new"],
    [{ kind: "tag", tag: "nothing" }, "a b c d new"],
    [{ kind: "path", path: "/orders/1" }, "c d new"],
    [{ kind: "path", path: "/orders/1?page=2" }, "a c d new"],
    [{ kind: "path", path: "/orders/1", host: "a.example" }, "b c d new"],
    [{ kind: "prefix", prefix: "/orders/" }, "c new"],
    [{ kind: "prefix", prefix: "/o", host: "a.example" }, "b new"],
  ] as const)("%j leaves %s", async (scope, left) => {
    const shard = newShard();
    for (const [key, more] of answers) await put(shard, key, content(10), more);
    expect(await shard.forget(scope, 50, 0)).toBeUndefined();
    const found = await Promise.all(answers.map(async ([key]) => ((await idsOf(shard, key)).length > 0 ? key : "")));
    expect(found.filter((key) => key !== "").join(" ")).toBe(left);
  });

  test("of more than one call may remove, it says so", async () => {
    const shard = newShard();
    await runInDurableObject(shard, (object) => {
      for (let at = 0; at <= bounds.sweepRowsMax; at++)
        object.commit(`k${at}`, { ...newHead({ tags: ["t"] }), bodyBytes: 1 }, content(1));
    });
    const after = await shard.forget({ kind: "tag", tag: "t" }, 50, 0);
    if (after === undefined) throw new Error("it says that it has done");
    expect(await shard.forget({ kind: "tag", tag: "t" }, 50, after)).toBeUndefined();
    expect(await rows(shard)).toEqual({ entries: 0, pieces: 0, tags: 0 });
  });

  test.each([
    { kind: "prefix", prefix: "/a", host: "api.example" },
    { kind: "path", path: "/a", host: "api.example" },
    { kind: "path", path: "/a?one" },
  ] as const)("%j ends, however many others there are that look alike", async (scope) => {
    const shard = newShard();
    await runInDurableObject(shard, (object) => {
      for (let at = 0; at <= bounds.sweepRowsMax; at++)
        object.commit(`k${at}`, { ...newHead({ host: "other.example", target: "/a?two" }), bodyBytes: 1 }, content(1));
    });
    await put(shard, "last", content(1), { target: "/a?one" });
    const after = await shard.forget(scope, 50, 0);
    if (after === undefined) throw new Error("it says that it has done");
    expect(await shard.forget(scope, 50, after)).toBeUndefined();
    expect(await rows(shard)).toMatchObject({ entries: bounds.sweepRowsMax + 1 });
    expect(await idsOf(shard, "last")).toEqual([]);
  });
});

describe("who asks the origin", () => {
  test("one leads; the others look when that one has stored the answer", async () => {
    const shard = newShard();
    expect(await shard.lead("k", "a", 5_000)).toBe("lead");
    const others = ["b", "c"].map((token) => shard.lead("k", token, 20_000));
    expect(await shard.lead("other", "d", 5_000)).toBe("lead");
    await shard.release("k", "a", "stored");
    expect(await Promise.all(others)).toEqual(["look", "look"]);
    expect(await shard.lead("k", "e", 0)).toBe("lead");
  });

  test("nobody waits for an answer that was not stored, or for longer than it wants", async () => {
    const shard = newShard();
    expect(await shard.lead("k", "a", 0)).toBe("lead");
    expect(await shard.lead("k", "b", 30)).toBe("alone");
    const waiting = shard.lead("k", "c", 20_000);
    await shard.release("k", "a", "unstorable");
    expect(await waiting).toBe("alone");
    expect(await shard.lead("k", "d", 20_000)).toBe("alone");
  });
});

test("a find marks what it finds once, so that a hit is no write", async () => {
  const shard = newShard();
  await put(shard, "k", content(10 * KiB));
  const used = (): Promise<unknown> =>
    runInDurableObject(shard, (_, { storage }) => storage.sql.exec("SELECT used FROM entries").one());
  expect(await used()).toEqual({ used: 0 });
  await idsOf(shard, "k");
  expect(await used()).toEqual({ used: 1 });
});
