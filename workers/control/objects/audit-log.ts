import { limits } from "../../../shared/limits.ts";
import { newRefusalBudget, type RefusalBudget, takeRefusal } from "../../../shared/policy/refusal-budget.ts";
import { type AuditEntry, type AuditPage, auditText } from "../../../shared/wire/audit.ts";
import { sha256Hex } from "../authority/bytes.ts";
import type { Act, AuditQuery, RefusedAct } from "./rpc.ts";

interface AuditRow extends Record<string, SqlStorageValue> {
  id: number;
  /** The entry without its hashes, as JSON. */
  entry: string;
  act: string;
  /** Both null until they are known, which is before anybody reads the entry. */
  previous: string | null;
  hash: string | null;
}

const { logRowsKept, refusalsAtOnce, refusalsPerHour } = limits.control;

/**
 * Who did what and what was refused, kept in SQLite up to a bound and told to the log as it happens. Entries are chained by
 * their hashes right after they were written: digests take a moment, and what is written has to be one transaction with the act.
 */
export class AuditLog {
  readonly #sql: SqlStorage;
  readonly #waitUntil: (work: Promise<void>) => void;

  constructor(sql: SqlStorage, waitUntil: (work: Promise<void>) => void) {
    this.#sql = sql;
    this.#waitUntil = waitUntil;
    sql.exec(`CREATE TABLE IF NOT EXISTS audit_chain (
      id INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT, entry TEXT, previous TEXT, hash TEXT)`);
    sql.exec("CREATE TABLE IF NOT EXISTS refusal_budgets (act TEXT PRIMARY KEY, state TEXT)");
    this.#takeOver();
  }

  add(act: Act, nowMs: number): void {
    this.#insert(act, nowMs);
    console.log(JSON.stringify({ time: new Date(nowMs).toISOString(), kind: "audit", ...act }));
    this.#waitUntil(this.#chain());
  }

  /** One that may be one of many: beyond a bound they are counted alone. */
  addRefused({ unwritten, ...act }: RefusedAct, nowMs: number): void {
    const budget = this.#budget(act.act);
    const others = takeRefusal(budget, unwritten, nowMs);
    this.#sql.exec(
      "INSERT INTO refusal_budgets VALUES (?1, ?2) ON CONFLICT (act) DO UPDATE SET state = ?2",
      act.act,
      JSON.stringify(budget),
    );
    if (others === undefined) return;
    const detail = others === 0 ? act.detail : `${act.detail}; ${others} more of this kind were not written down`;
    this.add({ ...act, detail, outcome: "refused" }, nowMs);
  }

  /** Newest first. */
  async page({ before, limit, act }: AuditQuery): Promise<AuditPage> {
    await this.#chain();
    const rows = this.#sql
      .exec<AuditRow>(
        "SELECT * FROM audit_chain WHERE id < ? AND (?2 IS NULL OR act = ?2) ORDER BY id DESC LIMIT ?",
        before ?? Number.MAX_SAFE_INTEGER,
        act ?? null,
        limit + 1,
      )
      .toArray();
    const entries = rows.slice(0, limit).map(entryOf);
    const last = entries.at(-1);
    return rows.length > limit && last !== undefined ? { entries, next: last.id } : { entries };
  }

  #insert({ act, by, author, version, detail, role, address, outcome = "done" }: Act, atMs: number): void {
    const entry = { atMs, act, outcome, by, role, author, address, version, detail };
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO audit_chain (act, entry) VALUES (?, ?) RETURNING id",
        act,
        JSON.stringify(entry),
      )
      .one();
    this.#sql.exec("DELETE FROM audit_chain WHERE id <= ? AND hash IS NOT NULL", id - logRowsKept);
  }

  /** Gives each entry that has none yet its hash. Two at once write the same. */
  async #chain(): Promise<void> {
    for (;;) {
      const row = this.#sql
        .exec<AuditRow>("SELECT * FROM audit_chain WHERE hash IS NULL ORDER BY id LIMIT 1")
        .toArray()[0];
      if (row === undefined) return;
      const previous =
        this.#sql.exec<AuditRow>("SELECT * FROM audit_chain WHERE id = ?", row.id - 1).toArray()[0]?.hash ?? "";
      const hash = await sha256Hex(auditText({ ...entryOf(row), previous }));
      this.#sql.exec(
        "UPDATE audit_chain SET previous = ?, hash = ? WHERE id = ? AND hash IS NULL",
        previous,
        hash,
        row.id,
      );
    }
  }

  #budget(act: string): RefusalBudget {
    const [row] = this.#sql.exec<{ state: string }>("SELECT state FROM refusal_budgets WHERE act = ?", act).toArray();
    return row === undefined
      ? newRefusalBudget(refusalsAtOnce, refusalsPerHour)
      : (JSON.parse(row.state) as RefusalBudget);
  }

  /** Entries of before there were hashes begin the chain. */
  #takeOver(): void {
    const isThere = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'audit'";
    if (this.#sql.exec(isThere).toArray().length === 0) return;
    const old = "SELECT at, act, by_sub AS by, author, version, detail FROM audit ORDER BY id";
    for (const { at, ...act } of this.#sql.exec<{ at: number } & Record<string, SqlStorageValue>>(old).toArray())
      this.#insert(act as unknown as Act, at);
    this.#sql.exec("DROP TABLE audit");
  }
}

function entryOf({ id, entry, previous, hash }: AuditRow): AuditEntry {
  return { id, ...(JSON.parse(entry) as Omit<AuditEntry, "id">), previous: previous ?? "", hash: hash ?? "" };
}
