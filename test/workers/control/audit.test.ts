/** The audit log: pages, the chain of hashes, and what stands in it. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type AuditEntry, auditText } from "../../../shared/wire/audit.ts";
import { sha256Hex } from "../../../workers/control/authority/bytes.ts";
import { applyShop, call, configStore, token } from "./support.ts";

const page = async (query = ""): Promise<{ entries: AuditEntry[]; next?: number }> =>
  (await call("GET", `/v1/audit${query}`, "admin")).body;

async function expectChained(entries: readonly AuditEntry[]): Promise<void> {
  for (const [at, { hash, ...entry }] of entries.entries()) {
    expect(hash).toBe(await sha256Hex(auditText(entry)));
    const before = entries[at + 1];
    if (before !== undefined) expect([entry.previous, entry.id]).toEqual([before.hash, before.id + 1]);
  }
}

test("a viewer who applies is refused, and that is on record", async () => {
  const viewer = await token({ role: "viewer", sub: "vera" });
  const { status, body } = await call("POST", "/v1/config/versions", viewer, {});
  expect([status, body.code]).toEqual([403, "role_missing"]);
  expect((await page()).entries[0]).toMatchObject({
    act: "call-refused",
    outcome: "refused",
    by: "vera",
    role: "viewer",
    detail: "POST /v1/config/versions needs role admin or owner",
  });
});

test("entries are chained by their hashes, whoever is first", async () => {
  await applyShop("5s");
  await Promise.all([1, 2, 3, 4].map((n) => call("POST", "/v1/join-tokens", "admin", { service: "orders", n })));
  const { entries } = await page();
  expect(entries.filter(({ act }) => act === "join-token")).toHaveLength(4);
  expect(entries.at(-1)).toMatchObject({ id: 1, previous: "" });
  await expectChained(entries);
});

test("an entry that could not be chained before an eviction is when somebody asks", async () => {
  await runInDurableObject(configStore(), (_object, { storage }) => {
    storage.sql.exec("UPDATE audit_chain SET hash = NULL, previous = NULL WHERE id >= 4");
  });
  await evictDurableObject(configStore());
  const { entries } = await page();
  expect(entries.length).toBeGreaterThan(4);
  await expectChained(entries);
});

describe("pages", () => {
  test("follow each other without gap", async () => {
    const { entries } = await page();
    const found: AuditEntry[] = [];
    for (let next: number | undefined; ; ) {
      const one = await page(`?limit=2${next === undefined ? "" : `&before=${next}`}`);
      expect(one.entries.length).toBeLessThanOrEqual(2);
      found.push(...one.entries);
      next = one.next;
      if (next === undefined) break;
    }
    expect(found).toEqual(entries);
  });
  test("of one act alone", async () => {
    const { entries } = await page("?act=apply");
    expect(entries).toMatchObject([{ act: "apply", version: 1, author: "ann", by: "tester", role: "admin" }]);
  });
  test.each(["before=0", "before=-1", "before=x", "limit=0", "limit=1001", "limit=1e3", "before=99999999999999999"])(
    "%s is refused",
    async (query) => {
      expect((await call("GET", `/v1/audit?${query}`, "admin")).status).toBe(400);
    },
  );
  test("of an act that is none are empty", async () => {
    expect(await page(`?act=${encodeURIComponent("' OR 1=1 --")}`)).toEqual({ entries: [] });
  });
});

test("the oldest entries are forgotten, and the rest is still a chain", async () => {
  await runInDurableObject(configStore(), (_object, { storage }) => {
    storage.sql.exec("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit_chain'", limits.control.logRowsKept + 2);
    const [row] = storage.sql.exec("SELECT hash FROM audit_chain ORDER BY id DESC LIMIT 1").toArray();
    storage.sql.exec("INSERT INTO audit_chain (act, entry) SELECT act, entry FROM audit_chain WHERE id = 3");
    expect(row?.hash).not.toBeNull();
  });
  const { entries } = await page();
  expect(entries[0]?.id).toBe(limits.control.logRowsKept + 3);
  await call("POST", "/v1/join-tokens", "admin", { service: "orders" });
  const after = (await page()).entries;
  expect(after.at(-1)?.id).toBe(5);
});

test("a log of before there were hashes begins the chain", async () => {
  await runInDurableObject(configStore(), (_object, { storage }) => {
    storage.sql.exec("DROP TABLE audit_chain");
    storage.sql.exec(
      "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, act TEXT, by_sub TEXT, author TEXT, version INTEGER, detail TEXT)",
    );
    storage.sql.exec(
      "INSERT INTO audit (at, act, by_sub, author, version, detail) VALUES (7, 'apply', 'a', 'b', 1, 'c')",
    );
  });
  await evictDurableObject(configStore());
  const { entries } = await page();
  expect(entries).toMatchObject([{ id: 1, atMs: 7, act: "apply", by: "a", author: "b", version: 1, outcome: "done" }]);
  await expectChained(entries);
});
