/**
 * How roots follow each other: each root that was replaced, and what it signed of the next one. Who believes a former root, such
 * as the holder of an older join token, learns by it which root is believed now.
 */
import { limits } from "../../../shared/limits.ts";

interface LineageRow extends Record<string, SqlStorageValue> {
  from_root: string;
  to_root: string;
  /** PEM of the root that was replaced, and of the next one as it signed it. */
  root: string;
  succession: string;
}

export class LineageStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS lineage (
      from_root TEXT PRIMARY KEY, to_root TEXT, root TEXT, succession TEXT)`);
  }

  /** @param root PEM. @param succession PEM. @param fromRoot fingerprint, as is `toRoot` */
  add(fromRoot: string, toRoot: string, root: string, succession: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO lineage VALUES (?, ?, ?, ?)", fromRoot, toRoot, root, succession);
    this.#sql.exec(
      "DELETE FROM lineage WHERE rowid NOT IN (SELECT rowid FROM lineage ORDER BY rowid DESC LIMIT ?)",
      limits.authority.lineageMax,
    );
  }

  /** A root that came to nothing. */
  forget(toRoot: string): void {
    this.#sql.exec("DELETE FROM lineage WHERE to_root = ?", toRoot);
  }

  discard(): void {
    this.#sql.exec("DELETE FROM lineage");
  }

  /**
   * Certificates, PEM, by which one root leads to another.
   * @param from fingerprint; undefined: whichever root it is
   * @returns undefined when it does not lead there
   */
  between(from: string | undefined, to: string): string[] | undefined {
    const rows = this.#sql.exec<LineageRow>("SELECT * FROM lineage ORDER BY rowid").toArray();
    if (from === undefined) return rows.flatMap(({ root, succession }) => [root, succession]);
    const found: string[] = [];
    for (let at = from; at !== to; ) {
      const row = rows.find(({ from_root }) => from_root === at);
      if (row === undefined || found.length > 2 * rows.length) return undefined;
      found.push(row.root, row.succession);
      at = row.to_root;
    }
    return found;
  }
}
