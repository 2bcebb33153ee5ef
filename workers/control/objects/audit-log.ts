import { limits } from "../../../shared/limits.ts";
import type { Act, AuditEntry } from "./rpc.ts";

interface AuditRow extends Record<string, SqlStorageValue> {
  at: number;
  act: string;
  by_sub: string;
  author: string;
  version: number;
  detail: string;
}

/** Who did what, kept in SQLite up to a bound and told to the log as it happens. */
export class AuditLog {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, act TEXT, by_sub TEXT, author TEXT, version INTEGER, detail TEXT)`);
  }

  add(entry: Act, nowMs: number): void {
    const { act, by, author, version, detail } = entry;
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO audit (at, act, by_sub, author, version, detail) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        nowMs,
        act,
        by,
        author,
        version,
        detail,
      )
      .one();
    this.#sql.exec("DELETE FROM audit WHERE id <= ?", id - limits.control.logRowsKept);
    console.log(JSON.stringify({ time: new Date(nowMs).toISOString(), kind: "audit", ...entry }));
  }

  /** The newest thousand, newest first. */
  list(): AuditEntry[] {
    const rows = this.#sql.exec<AuditRow>("SELECT * FROM audit ORDER BY id DESC LIMIT 1000").toArray();
    return rows.map(({ at, act, by_sub: by, author, version, detail }) => {
      return { atMs: at, act: act as Act["act"], by, author, version, detail };
    });
  }
}
