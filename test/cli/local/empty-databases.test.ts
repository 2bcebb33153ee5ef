import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeEmptyDatabases } from "../../../cli/local/empty-databases.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-databases-"));
  mkdirSync(path.join(folder, "Limiter"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (name: string): string => path.join(folder, "Limiter", name);

function database(name: string): DatabaseSync {
  const opened = new DatabaseSync(fileOf(name));
  opened.exec("PRAGMA journal_mode = WAL; CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB)");
  return opened;
}

test("what holds nothing goes with its log, what holds a table stays, also one that holds no row yet", () => {
  const emptied = database("emptied.sqlite");
  emptied.exec("DROP TABLE kv; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  emptied.close();
  const used = database("used.sqlite");
  used.exec("INSERT INTO kv VALUES ('a', 1)");
  used.close();
  database("rowless.sqlite").close();
  database("metadata.sqlite").exec("DROP TABLE kv; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  expect(removeEmptyDatabases(folder)).toBe(1);
  const left = readdirSync(path.join(folder, "Limiter")).filter((name) => name.endsWith(".sqlite"));
  expect(left.sort()).toEqual(["metadata.sqlite", "rowless.sqlite", "used.sqlite"]);
  expect(existsSync(fileOf("emptied.sqlite-wal"))).toBe(false);
});

test("what a killed process left in the write-ahead log is kept", () => {
  const open = database("killed.sqlite");
  open.exec("PRAGMA wal_autocheckpoint = 0; INSERT INTO kv VALUES ('a', 1)");
  expect(removeEmptyDatabases(folder)).toBe(0);
  open.close();
});

test("a folder that is not there yet has none", () => {
  expect(removeEmptyDatabases(path.join(folder, "none"))).toBe(0);
});
