/** Enrolment keys, and the tokens and challenges that were used, in the authority's SQLite. */
import { join as bounds } from "../../../shared/limits/join.ts";
import { type EnrolmentKey, forgottenUntil, mayKeepKey, type ShownKey } from "../../../shared/policy/joining.ts";

interface KeyRow extends Record<string, SqlStorageValue> {
  id: string;
  service: string;
  instance: string;
  created_at: number;
  used_at: number;
  removed: number;
}

export class JoiningStore {
  readonly #sql: SqlStorage;
  /** Tokens and challenges that are remembered; counted once in each life of the object. */
  #used: number | undefined;
  #keysUntilCount = 1;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS enrolment_keys (
      id TEXT PRIMARY KEY, service TEXT, instance TEXT, created_at INTEGER, used_at INTEGER, removed INTEGER DEFAULT 0)`);
    sql.exec("CREATE INDEX IF NOT EXISTS enrolment_keys_by_use ON enrolment_keys (used_at)");
    sql.exec(
      "CREATE UNIQUE INDEX IF NOT EXISTS enrolment_keys_of ON enrolment_keys (service, instance) WHERE removed = 0",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS used_joins (id TEXT PRIMARY KEY, key TEXT, ends_at INTEGER)");
    sql.exec("CREATE INDEX IF NOT EXISTS used_joins_by_end ON used_joins (ends_at)");
  }

  /** Undefined for one that was removed, too. */
  key(id: string): EnrolmentKey | undefined {
    const row = this.#row(id);
    return row === undefined || row.removed === 1 ? undefined : asKey(row);
  }

  #row(id: string): KeyRow | undefined {
    return this.#sql.exec<KeyRow>("SELECT * FROM enrolment_keys WHERE id = ?", id).toArray()[0];
  }

  /** Last used first. @param sinceMs those that were not used since are left out */
  keys(sinceMs: number): EnrolmentKey[] {
    const query = "SELECT * FROM enrolment_keys WHERE removed = 0 AND used_at > ? ORDER BY used_at DESC LIMIT ?";
    return this.#sql.exec<KeyRow>(query, sinceMs, bounds.keysListed).toArray().map(asKey);
  }

  /**
   * Keeps the key of an instance where `mayKeepKey` says so, instead of its former one; inside of a transaction.
   * @param sinceMs keys that were not used since are forgotten
   */
  keepKey({ id, service, instance, isProven }: ShownKey, nowMs: number, sinceMs: number): void {
    const known = this.#row(id);
    // Whoever still shows a removed key keeps it known as removed.
    this.#sql.exec("UPDATE enrolment_keys SET used_at = ? WHERE id = ? AND removed = 1", nowMs, id);
    this.#sql.exec("DELETE FROM enrolment_keys WHERE used_at <= ?", sinceMs);
    if (!mayKeepKey(known && { ...known, isRemoved: known.removed === 1 }, { service, instance, isProven })) return;
    const former = "DELETE FROM enrolment_keys WHERE service = ? AND instance = ? AND id != ? AND removed = 0";
    this.#sql.exec(former, service, instance, id);
    this.#sql.exec(
      `INSERT INTO enrolment_keys (id, service, instance, created_at, used_at) VALUES (?1, ?2, ?3, ?4, ?4)
       ON CONFLICT (id) DO UPDATE SET used_at = ?4, service = ?2, instance = ?3`,
      id,
      service,
      instance,
      nowMs,
    );
    if (known === undefined) this.#forgetOldest();
  }

  /** Rows are counted one by one: that is done for one new key in many. */
  #forgetOldest(): void {
    this.#keysUntilCount--;
    if (this.#keysUntilCount > 0) return;
    this.#keysUntilCount = COUNT_EVERY;
    this.#sql.exec(
      "DELETE FROM enrolment_keys WHERE id IN (SELECT id FROM enrolment_keys ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
      bounds.keysMax,
    );
  }

  /** It stays known as removed, so that a renewal does not bring it back. @returns undefined: there is none */
  removeKey(id: string): EnrolmentKey | undefined {
    const removed = this.key(id);
    if (removed !== undefined) this.#sql.exec("UPDATE enrolment_keys SET removed = 1 WHERE id = ?", id);
    return removed;
  }

  /** Whom a token or challenge was used by; undefined: nobody. */
  usedBy(id: string): string | undefined {
    const query = "SELECT key FROM used_joins WHERE id = ?";
    return this.#sql.exec<{ key: string }>(query, id).toArray()[0]?.key;
  }

  /** Remembers it until it ends. @returns false: there is no room */
  use(id: string, key: string, endsAtMs: number, nowMs: number): boolean {
    this.#used ??= this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM used_joins").one().count;
    const ended = this.#sql
      .exec("DELETE FROM used_joins WHERE ends_at <= ? RETURNING id", forgottenUntil(nowMs))
      .toArray();
    this.#used -= ended.length;
    if (this.#used >= bounds.usedTokensMax) return false;
    if (this.usedBy(id) === undefined) this.#used++;
    this.#sql.exec("INSERT OR REPLACE INTO used_joins VALUES (?, ?, ?)", id, key, endsAtMs);
    return true;
  }
}

/** So many keys may be known beyond the bound. */
const COUNT_EVERY = 100;

function asKey({ id, service, instance, created_at: createdAtMs, used_at: usedAtMs }: KeyRow): EnrolmentKey {
  return { id, service, instance, createdAtMs, usedAtMs };
}
