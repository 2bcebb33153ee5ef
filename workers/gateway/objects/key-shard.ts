import { DurableObject } from "cloudflare:workers";
import { changedKey, isKeyActive, type KeyChange, type KeyRecord } from "../../../shared/auth/api-key.ts";
import type { Confirmation, ShardChanges } from "../../../shared/auth/key-memory.ts";
import { limits } from "../../../shared/limits.ts";

/** A key as it is stored: what is known of it, under the HMAC of what it is. */
export interface StoredKey {
  readonly hash: string;
  readonly record: KeyRecord;
}

export interface LookUpAnswer extends ShardChanges {
  readonly record?: KeyRecord;
}

interface KeyRow extends Record<string, SqlStorageValue> {
  id: string;
  prefix: string;
  start: string;
  owner: string;
  grants: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  rolled_to: string | null;
  last_used: number | null;
}

/**
 * Keys whose hash begins alike, and the log of their changes by which isolates learn what to forget. Knows hashes, never
 * keys. A change is on disk before it is answered (the platform holds the answer until the write is durable).
 */
export class KeyShard extends DurableObject {
  readonly #sql: SqlStorage;
  /** Hash to last use; written together, for a look-up must not wait for the disk. Losing some is no harm. */
  #used = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    // Rows in the order in which they came: hashes are random, and an import would touch every page of a table in their order.
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS keys (
        hash TEXT NOT NULL UNIQUE, id TEXT NOT NULL, prefix TEXT NOT NULL, start TEXT NOT NULL, owner TEXT NOT NULL,
        grants TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER, rolled_to TEXT,
        last_used INTEGER);
      CREATE UNIQUE INDEX IF NOT EXISTS keys_by_id ON keys (id);
      CREATE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, id);
      CREATE TABLE IF NOT EXISTS changes (revision INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
      INSERT OR IGNORE INTO counts VALUES ('added', 0);`);
  }

  /** One key, and what changed since a revision. @param since -1: nothing is remembered */
  lookUp(hash: string, since: number): LookUpAnswer {
    const [row] = this.#sql.exec<KeyRow>("SELECT * FROM keys WHERE hash = ?", hash).toArray();
    if (row === undefined) return this.#changes(since);
    this.#noteUse([hash]);
    return { ...this.#changes(since), record: recordOf(row) };
  }

  /** What changed, and a note of which keys were used. */
  confirm({ since, used }: Confirmation): ShardChanges {
    this.#noteUse(used);
    return this.#changes(since);
  }

  /** @returns how many of them were not there yet; others are left as they are */
  add(keys: readonly StoredKey[]): number {
    return this.ctx.storage.transactionSync(() => {
      let added = 0;
      for (const key of keys) added += this.#insert(key);
      if (added > 0) this.#sql.exec("UPDATE counts SET value = value + ? WHERE name = 'added'", added);
      return added;
    });
  }

  find(id: string): KeyRecord | undefined {
    const [row] = this.#sql.exec<KeyRow>("SELECT * FROM keys WHERE id = ?", id).toArray();
    return row === undefined ? undefined : recordOf(row);
  }

  /** Ends a key at once, or does nothing where that was done. @returns the key, undefined when there is none */
  revoke(id: string): KeyRecord | undefined {
    this.#change("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING hash", Date.now(), id);
    return this.find(id);
  }

  /**
   * Changes what a key grants. One that is over stays so, and one that was rolled ends when it was to end.
   * @returns the key as it is now; undefined where there is none or it cannot be changed so
   */
  update(id: string, change: KeyChange): KeyRecord | undefined {
    const known = this.find(id);
    if (known === undefined || !isKeyActive(known, Date.now())) return undefined;
    if (known.rolledTo !== undefined && change.expiresAtMs !== undefined) return undefined;
    const { owner, name, plan, scopes, groups, expiresAtMs } = changedKey(known, change);
    this.#change(
      "UPDATE keys SET owner = ?, grants = ?, expires_at = ? WHERE id = ? RETURNING hash",
      owner,
      JSON.stringify({ name, plan, scopes, groups }),
      expiresAtMs ?? null,
      id,
    );
    return this.find(id);
  }

  /** Ends a key at a time, or earlier where it would have ended earlier, in favour of another. @returns whether it did */
  replace(id: string, by: string, endsAtMs: number): boolean {
    return this.#change(
      `UPDATE keys SET rolled_to = ?, expires_at = min(ifnull(expires_at, ?2), ?2)
       WHERE id = ?3 AND revoked_at IS NULL AND rolled_to IS NULL RETURNING hash`,
      by,
      endsAtMs,
      id,
    );
  }

  /** Keys by id, of one owner or of all. @param after id; all of them are greater */
  list(owner: string | undefined, after: string, count: number): KeyRecord[] {
    const rows =
      owner === undefined
        ? this.#sql.exec<KeyRow>("SELECT * FROM keys WHERE id > ? ORDER BY id LIMIT ?", after, count)
        : this.#sql.exec<KeyRow>(
            "SELECT * FROM keys WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
            owner,
            after,
            count,
          );
    return rows.toArray().map(recordOf);
  }

  #insert({ hash, record }: StoredKey): number {
    const { id, prefix, start, owner, name, plan, scopes, groups, createdAtMs, expiresAtMs } = record;
    const inserted = this.#sql.exec(
      `INSERT INTO keys (hash, id, prefix, start, owner, grants, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING RETURNING 1`,
      hash,
      id,
      prefix,
      start,
      owner,
      JSON.stringify({ name, plan, scopes, groups }),
      createdAtMs,
      expiresAtMs ?? null,
    );
    return inserted.toArray().length;
  }

  /** One change of one key, and its line in the log. */
  #change(statement: string, ...values: SqlStorageValue[]): boolean {
    return this.ctx.storage.transactionSync(() => {
      const [row] = this.#sql.exec<{ hash: string }>(statement, ...values).toArray();
      if (row === undefined) return false;
      this.#sql.exec("INSERT INTO changes (hash) VALUES (?)", row.hash);
      this.#sql.exec("DELETE FROM changes WHERE revision <= ?", this.#revision() - limits.apiKeys.changesKept);
      return true;
    });
  }

  #changes(since: number): ShardChanges {
    const revision = this.#revision();
    const added = this.#sql.exec<{ value: number }>("SELECT value FROM counts WHERE name = 'added'").one().value;
    if (since === revision || since < 0) return { revision, added, changed: [] };
    // A revision that is still to come was told by a state of this object that was replaced by an older one.
    if (since > revision || revision - since > limits.apiKeys.changesKept) return { revision, added };
    const rows = this.#sql.exec<{ hash: string }>("SELECT DISTINCT hash FROM changes WHERE revision > ?", since);
    return { revision, added, changed: rows.toArray().map(({ hash }) => hash) };
  }

  #revision(): number {
    return this.#sql.exec<{ last: number | null }>("SELECT max(revision) AS last FROM changes").one().last ?? 0;
  }

  #noteUse(hashes: readonly string[]): void {
    if (hashes.length === 0) return;
    if (this.#used.size === 0) setTimeout(() => this.#writeUses(), limits.apiKeys.usedWriteMs);
    for (const hash of hashes) if (this.#used.size < USES_MAX) this.#used.set(hash, Date.now());
  }

  #writeUses(): void {
    const used = this.#used;
    this.#used = new Map();
    this.ctx.storage.transactionSync(() => {
      for (const [hash, atMs] of used) {
        const step = Math.floor(atMs / limits.apiKeys.lastUsedStepMs) * limits.apiKeys.lastUsedStepMs;
        this.#sql.exec("UPDATE keys SET last_used = ? WHERE hash = ? AND ifnull(last_used, 0) < ?", step, hash, step);
      }
    });
  }
}

const USES_MAX = 10 * limits.apiKeys.usedReportedMax;

function recordOf(row: KeyRow): KeyRecord {
  const { id, prefix, start, owner, created_at, expires_at, revoked_at, rolled_to, last_used } = row;
  return {
    id,
    prefix,
    start,
    owner,
    ...(JSON.parse(row.grants) as Pick<KeyRecord, "name" | "plan" | "scopes" | "groups">),
    createdAtMs: created_at,
    ...(expires_at !== null && { expiresAtMs: expires_at }),
    ...(revoked_at !== null && { revokedAtMs: revoked_at }),
    ...(rolled_to !== null && { rolledTo: rolled_to }),
    ...(last_used !== null && { lastUsedAtMs: last_used }),
  };
}
