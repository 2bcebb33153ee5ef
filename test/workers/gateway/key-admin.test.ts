import { runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { shardOf } from "../../../shared/auth/key-memory.ts";
import { limits } from "../../../shared/limits.ts";
import { hashKey } from "../../../workers/gateway/authority/key-pepper.ts";
import { shardOfId } from "../../../workers/gateway/authority/key-shards.ts";
import type { KeyShard } from "../../../workers/gateway/objects/key-shard.ts";
import { admin, bindings, createKey, keysToken, revokeKey } from "./support/keys.ts";

const shard = (at: number) => bindings.KEYS.getByName(`keys-${at}`);

describe("who may", () => {
  test("only a token of role keys under its own secret", async () => {
    const wrong = [null, "x", await keysToken({ role: "admin" }), await keysToken({ role: "gateway" })];
    wrong.push(await keysToken({ secret: new Uint8Array(32).fill(5) }), await keysToken({ exp: 1 }));
    const statuses = await Promise.all(
      wrong.map(async (token) => (await admin("GET", "/keys", undefined, token)).status),
    );
    expect(statuses).toEqual([401, 401, 403, 403, 401, 401]);
  });
});

describe("create", () => {
  test("tells the key once; what is stored holds neither it nor its hash in the clear of a list", async () => {
    const { key, record } = await createKey({
      name: "ci",
      plan: "gold",
      groups: ["eu"],
      expiresAtMs: Date.now() + 5000,
    });
    expect(key).toMatch(/^slv_[0-9A-Za-z]{30}$/);
    expect(record).toMatchObject({
      start: key.slice(0, 8),
      owner: "partner",
      plan: "gold",
      groups: ["eu"],
      name: "ci",
    });
    expect(shardOfId(record.id)).toBe(shardOf(await hashKey(key, bindings)));
    const found = await admin("GET", `/keys/${record.id}`);
    expect(found.body).toEqual(record);
    const rows = await runInDurableObject(shard(shardOfId(record.id)) as DurableObjectStub<KeyShard>, (_, state) =>
      state.storage.sql.exec("SELECT * FROM keys WHERE id = ?", record.id).toArray(),
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(key.slice(9));
  });

  test.each([
    [{}, "owner"],
    [{ owner: "" }, "owner"],
    [{ owner: "a\u0007b" }, "owner"],
    [{ owner: "a", scopes: ["two words"] }, "scopes"],
    [{ owner: "a", prefix: "UPPER" }, "prefix"],
    [{ owner: "a", expiresAtMs: 5 }, "expiresAtMs"],
  ])("refuses %j", async (request, word) => {
    const { status, body } = await admin("POST", "/keys", request);
    expect(status).toBe(400);
    expect(body.detail).toContain(word);
  });
});

describe("roll", () => {
  test("the old key ends after the overlap, the new one has its grants", async () => {
    const { record: old } = await createKey({ plan: "gold" });
    const before = Date.now();
    const { status, body } = await admin("POST", `/keys/${old.id}/roll`, { overlapMs: 60_000 });
    expect(status).toBe(201);
    expect(body.record).toMatchObject({ owner: "partner", plan: "gold", scopes: ["orders:read"] });
    const { body: after } = await admin("GET", `/keys/${old.id}`);
    expect(after.rolledTo).toBe(body.record.id);
    expect(after.expiresAtMs).toBeGreaterThanOrEqual(before + 60_000);
    expect(after.expiresAtMs).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  test("never gives the old key a longer life, and the new one ends when the old one would have", async () => {
    const expiresAtMs = Date.now() + 5000;
    const { record: old } = await createKey({ expiresAtMs });
    const { body } = await admin("POST", `/keys/${old.id}/roll`, { overlapMs: 60_000 });
    expect((await admin("GET", `/keys/${old.id}`)).body.expiresAtMs).toBe(expiresAtMs);
    expect(body.record.expiresAtMs).toBe(expiresAtMs);
  });

  test("refuses what is not active, and does it once of two at the same time", async () => {
    const { record } = await createKey();
    const roll = () => admin("POST", `/keys/${record.id}/roll`, { overlapMs: 1000 });
    const both = await Promise.all([roll(), roll()]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    const { record: revoked } = await createKey();
    await revokeKey(revoked.id);
    expect((await admin("POST", `/keys/${revoked.id}/roll`, { overlapMs: 0 })).status).toBe(409);
    expect((await admin("POST", "/keys/00000000000000ff/roll", { overlapMs: 0 })).status).toBe(404);
  });
});

describe("update", () => {
  const update = (id: string, change: unknown) => admin("PATCH", `/keys/${id}`, change);

  test("changes what is named, takes away what is null, and leaves the rest", async () => {
    const { record } = await createKey({ name: "ci", plan: "gold", groups: ["eu"] });
    const { status, body } = await update(record.id, { plan: "pro", name: null, scopes: ["a", "a", "b"] });
    expect(status).toBe(200);
    const { name: _, ...rest } = record;
    expect(body).toEqual({ ...rest, plan: "pro", scopes: ["a", "b"] });
    expect((await admin("GET", `/keys/${record.id}`)).body).toEqual(body);
    const expiresAtMs = Date.now() + 60_000;
    expect((await update(record.id, { owner: "other", expiresAtMs })).body).toMatchObject({
      owner: "other",
      expiresAtMs,
    });
    expect((await update(record.id, { expiresAtMs: null })).body).not.toHaveProperty("expiresAtMs");
    expect((await admin("GET", "/keys?owner=other")).body.keys).toHaveLength(1);
  });

  test.each([
    [{}, "nothing to change"],
    [{ plans: "pro" }, "plans"],
    [{ plan: "" }, "plan"],
    [{ plan: "a\u0007b" }, "plan"],
    [{ plan: 7 }, "plan"],
    [{ owner: null }, "owner"],
    [{ scopes: ["two words"] }, "scopes"],
    [{ scopes: null }, "scopes"],
    [{ prefix: "other" }, "prefix"],
    [{ revokedAtMs: null }, "revokedAtMs"],
    [{ expiresAtMs: 5 }, "expiresAtMs"],
    [["plan"], ""],
    ["{", "JSON"],
  ])("refuses %j", async (change, word) => {
    const { record } = await createKey();
    const { status, body } = await update(record.id, change);
    expect(status).toBe(400);
    expect(body.detail).toContain(word);
    expect((await admin("GET", `/keys/${record.id}`)).body).toEqual(record);
  });

  test("brings no key back: not a revoked one, an expired one, or the end of a rolled one", async () => {
    const revoked = await createKey();
    await revokeKey(revoked.record.id);
    expect((await update(revoked.record.id, { plan: "pro" })).status).toBe(409);
    const rolled = await createKey();
    await admin("POST", `/keys/${rolled.record.id}/roll`, { overlapMs: 60_000 });
    expect((await update(rolled.record.id, { expiresAtMs: null })).status).toBe(409);
    expect((await update(rolled.record.id, { plan: "pro" })).body.plan).toBe("pro");
    const over = await createKey({ expiresAtMs: Date.now() + 30 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect((await update(over.record.id, { expiresAtMs: null })).status).toBe(409);
    expect((await update("00000000000000ff", { plan: "pro" })).status).toBe(404);
  });
});

test("a revocation stays as it was first", async () => {
  const { record } = await createKey();
  const first = await revokeKey(record.id);
  expect(first.revokedAtMs).toBeTypeOf("number");
  expect(await revokeKey(record.id)).toEqual(first);
  expect((await admin("POST", "/keys/00000000000000ff/revoke")).status).toBe(404);
});

describe("list", () => {
  test("pages through the keys of an owner in order, each once", async () => {
    const made = await Promise.all(Array.from({ length: 23 }, () => createKey({ owner: "pager" })));
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const { body } = await admin("GET", `/keys?owner=pager&limit=5${after === "" ? "" : `&after=${after}`}`);
      seen.push(...body.keys.map(({ id }: { id: string }) => id));
      if (body.next === undefined) break;
      expect(body.keys).toHaveLength(5);
      after = body.next;
    }
    expect(seen).toEqual(made.map(({ record }) => record.id).sort());
    expect((await admin("GET", "/keys?owner=nobody")).body).toEqual({ keys: [] });
  });

  test.each(["limit=0", "limit=1.5", "limit=100000", "after=x"])("refuses %s", async (query) => {
    expect((await admin("GET", `/keys?${query}`)).status).toBe(400);
  });
});

describe("import", () => {
  const lines = (...all: unknown[]) =>
    all.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");

  test("takes plain and hashed keys; twice is once; a bad line stops no other, and is not quoted", async () => {
    const hash = await hashKey("imported-as-a-hash-1", bindings);
    const text = lines(
      { key: "imported-plain-key-1", owner: "a", plan: "gold", scopes: ["x"], createdAtMs: 7 },
      "",
      { hash, start: "imp", owner: "b" },
      "{ not json secret",
      { owner: "c" },
      { key: "short", owner: "d" },
      { key: "imported-plain-key-2", hash, owner: "e" },
    );
    const { status, body } = await admin("POST", "/keys/import", text);
    expect(status).toBe(200);
    expect(body).toMatchObject({ imported: 2, known: 0, refused: 4 });
    expect(body.refusals.map(({ line }: { line: number }) => line)).toEqual([4, 5, 6, 7]);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect((await admin("POST", "/keys/import", text)).body).toMatchObject({ imported: 0, known: 2 });
    const [a] = (await admin("GET", "/keys?owner=a")).body.keys;
    expect(a).toMatchObject({ start: "impo", plan: "gold", scopes: ["x"], createdAtMs: 7 });
  });

  test("ten thousand keys in one call", async () => {
    const text = lines(...Array.from({ length: 10_000 }, (_, at) => ({ key: `bulk-key-number-${at}`, owner: "bulk" })));
    expect((await admin("POST", "/keys/import", text)).body).toMatchObject({ imported: 10_000, known: 0, refused: 0 });
  });

  test("has a bound", async () => {
    const { status } = await admin("POST", "/keys/import", "\n".repeat(limits.apiKeys.importLinesMax + 2));
    expect(status).toBe(413);
  });
});

describe("KeyShard", () => {
  test("who has missed more changes than are kept forgets everything", async () => {
    const stub = shard(0);
    const { revision } = await stub.confirm({ since: -1, used: [] });
    expect(await stub.confirm({ since: revision, used: [] })).toMatchObject({ revision, changed: [] });
    expect((await stub.confirm({ since: revision + 5, used: [] })).changed).toBeUndefined();
    await runInDurableObject(stub as DurableObjectStub<KeyShard>, (_, { storage }) => {
      for (let at = 0; at <= limits.apiKeys.changesKept; at++)
        storage.sql.exec("INSERT INTO changes (hash) VALUES (?)", `hash-${at}`);
    });
    expect((await stub.confirm({ since: revision, used: [] })).changed).toBeUndefined();
    expect((await stub.confirm({ since: revision + 1, used: [] })).changed).toHaveLength(limits.apiKeys.changesKept);
  });
});
