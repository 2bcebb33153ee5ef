import { fitsRevocations, type Revocation, type RevocationList } from "../../../shared/auth/revocations.ts";
import type { RevocationInfo, RevocationRequest } from "../../../shared/wire/revocations.ts";

interface RevocationRow extends Record<string, SqlStorageValue> {
  id: string;
  /** `RevocationTarget` as JSON. */
  target: string;
  expires_at: number;
  created_at: number;
  author: string;
  reason: string;
}

/** Revocations in SQLite. The revision counts changes, and what has ended leaves with the next one. */
export class RevocationStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS revocations (
      id TEXT PRIMARY KEY, target TEXT, expires_at INTEGER, created_at INTEGER, author TEXT, reason TEXT)`);
    for (const table of ["revocation_revision", "revocation_told"])
      sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER)`);
  }

  /** 0: there never was one. */
  get revision(): number {
    return this.#sql.exec<{ revision: number }>("SELECT revision FROM revocation_revision").toArray()[0]?.revision ?? 0;
  }

  /** @returns undefined when the list is full */
  add(id: string, request: RevocationRequest, expiresAtMs: number, nowMs: number): RevocationInfo | undefined {
    this.#sql.exec("DELETE FROM revocations WHERE expires_at <= ?", nowMs);
    const { lifetimeMs: _, author, reason = "", ...stated } = request;
    const target = JSON.stringify(stated);
    const { count, bytes } = this.#sql
      .exec<{ count: number; bytes: number }>(
        "SELECT count(*) AS count, coalesce(sum(length(target)), 0) AS bytes FROM revocations",
      )
      .one();
    if (!fitsRevocations(count, bytes, target.length)) return undefined;
    const row = { id, target, expires_at: expiresAtMs, created_at: nowMs, author, reason };
    this.#sql.exec("INSERT INTO revocations VALUES (?, ?, ?, ?, ?, ?)", id, target, expiresAtMs, nowMs, author, reason);
    this.#raise();
    return infoOf(row);
  }

  /** @returns what was removed, if anything */
  remove(id: string): RevocationInfo | undefined {
    const removed = this.#sql.exec<RevocationRow>("DELETE FROM revocations WHERE id = ? RETURNING *", id).toArray()[0];
    if (removed === undefined) return undefined;
    this.#raise();
    return infoOf(removed);
  }

  /** Newest first. */
  list(nowMs: number): RevocationInfo[] {
    return this.#live(nowMs).map(infoOf);
  }

  /** What the hub was not told yet, if anything. */
  untold(nowMs: number): RevocationList | undefined {
    const told = this.#sql.exec<{ revision: number }>("SELECT revision FROM revocation_told").toArray()[0];
    return this.listAfter(told?.revision ?? 0, nowMs);
  }

  /** The list as it is is a newer one than that of this revision. */
  outdate(revision: number): void {
    this.#sql.exec(
      "INSERT INTO revocation_revision VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET revision = max(revision, ?1)",
      revision + 1,
    );
  }

  /** The hub has it. */
  told({ revision }: RevocationList): void {
    const keep = "ON CONFLICT (id) DO UPDATE SET revision = max(revision, ?1)";
    this.#sql.exec(`INSERT INTO revocation_told VALUES (1, ?1) ${keep}`, revision);
  }

  /** As gateways get it; undefined when they hold that revision. */
  listAfter(held: number, nowMs: number): RevocationList | undefined {
    const { revision } = this;
    if (held === revision) return undefined;
    const entries = this.#live(nowMs).map((row) => {
      return { ...(JSON.parse(row.target) as object), expiresAtMs: row.expires_at } as Revocation;
    });
    return { revision, entries };
  }

  #live(nowMs: number): RevocationRow[] {
    return this.#sql
      .exec<RevocationRow>("SELECT * FROM revocations WHERE expires_at > ? ORDER BY created_at DESC, rowid DESC", nowMs)
      .toArray();
  }

  #raise(): void {
    this.#sql.exec(
      "INSERT INTO revocation_revision VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET revision = revision + 1",
    );
  }
}

function infoOf({ id, target, expires_at, created_at, author, reason }: RevocationRow): RevocationInfo {
  const stated = JSON.parse(target) as object;
  return { id, ...stated, expiresAtMs: expires_at, createdAtMs: created_at, author, reason };
}

/** What is revoked, for the audit log. */
export function describeRevocation({ id, jti, sub, issuer, issuedBefore, reason }: RevocationInfo): string {
  const target = Object.entries({ jti, sub, issuer, issuedBefore }).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${value}`,
  );
  return `${id}: ${target.join(", ")}${reason === "" ? "" : ` (${reason})`}`;
}
