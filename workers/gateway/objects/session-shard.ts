import { DurableObject } from "cloudflare:workers";
import type { SessionChanges } from "../../../shared/auth/session-memory.ts";
import { limits } from "../../../shared/limits.ts";

/** A session as it is stored: nothing of it says who it is about. Times in milliseconds since the epoch. */
export interface StoredSession {
  readonly id: string;
  /** Hash of issuer, client and subject. */
  readonly subject: string;
  /** Hash of issuer, client and session at the provider, where that has one. */
  readonly sid?: string;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
  /** Encrypted ID token, for the logout at the provider. */
  readonly hint?: string;
}

export interface SessionAnswer extends SessionChanges {
  readonly alive: boolean;
}

/** What a provider ordered to end: sessions of both where it names both. */
export interface StoredLogout {
  readonly subject?: string;
  readonly sid?: string;
  /** Hash of the token's issuer and `jti`, and until when that must be remembered. */
  readonly token: string;
  readonly tokenEndsAtMs: number;
}

export interface OrderedEnds {
  /** False: the token was used here before, and nothing was done. */
  readonly isNew: boolean;
  /** The sessions that were ended. */
  readonly ids: readonly string[];
}

/**
 * Sessions of the subjects that fall to it, and the log of their ends by which isolates learn what to forget. A session that
 * is not here does not live. An end is on disk before it is answered (the platform holds the answer until the write is durable).
 */
export class SessionShard extends DurableObject {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY, subject TEXT NOT NULL, sid TEXT, started_at INTEGER NOT NULL, ends_at INTEGER NOT NULL,
        hint TEXT) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (subject, started_at);
      CREATE INDEX IF NOT EXISTS sessions_by_sid ON sessions (sid) WHERE sid IS NOT NULL;
      CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (ends_at);
      CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS changes (revision INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL);`);
  }

  /** A new session; ends the oldest of the subject where it has too many. @param since as of `ask` */
  open(session: StoredSession, since: number): SessionAnswer {
    const { id, subject, sid, startedAtMs, endsAtMs, hint } = session;
    this.ctx.storage.transactionSync(() => {
      this.#clear();
      this.#sql.exec(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
        ...[id, subject, sid ?? null, startedAtMs, endsAtMs, hint ?? null],
      );
      const surplus = this.#sql.exec<{ id: string }>(
        "SELECT id FROM sessions WHERE subject = ? ORDER BY started_at DESC LIMIT -1 OFFSET ?",
        subject,
        limits.login.sessionsPerSubjectMax,
      );
      for (const one of surplus.toArray()) this.#end(one.id);
    });
    return { ...this.#changes(since), alive: true };
  }

  /** Whether a session lives, and what ended since a revision. @param since -1: nothing is remembered */
  ask(id: string, since: number): SessionAnswer {
    const rows = this.#sql.exec("SELECT 1 FROM sessions WHERE id = ? AND ends_at > ?", id, Date.now());
    return { ...this.#changes(since), alive: rows.toArray().length > 0 };
  }

  /** What ended since a revision. */
  confirm(since: number): SessionChanges {
    return this.#changes(since);
  }

  /** Ends a session. @returns its encrypted ID token, where there is one */
  end(id: string): { readonly hint?: string } {
    const hint = this.ctx.storage.transactionSync(() => this.#end(id));
    return hint === undefined ? {} : { hint };
  }

  /** Ends what a provider ordered. A subject's session that never heard its `sid` could be the one that is meant. */
  endOrdered({ subject, sid, token, tokenEndsAtMs }: StoredLogout): OrderedEnds {
    return this.ctx.storage.transactionSync(() => {
      this.#clear();
      if (this.#sql.exec("SELECT 1 FROM tokens WHERE token = ?", token).toArray().length > 0)
        return { isNew: false, ids: [] };
      this.#sql.exec("INSERT INTO tokens VALUES (?, ?)", token, tokenEndsAtMs);
      const rows =
        subject === undefined
          ? this.#sql.exec<{ id: string }>("SELECT id FROM sessions WHERE sid = ?", sid ?? null)
          : this.#sql.exec<{ id: string }>(
              "SELECT id FROM sessions WHERE subject = ?1 AND (?2 IS NULL OR sid IS NULL OR sid = ?2)",
              subject,
              sid ?? null,
            );
      const ids = rows.toArray().map(({ id }) => id);
      for (const id of ids) this.#end(id);
      return { isNew: true, ids };
    });
  }

  #end(id: string): string | undefined {
    const [row] = this.#sql
      .exec<{ hint: string | null }>("DELETE FROM sessions WHERE id = ? RETURNING hint", id)
      .toArray();
    if (row === undefined) return undefined;
    this.#sql.exec("INSERT INTO changes (id) VALUES (?)", id);
    this.#sql.exec("DELETE FROM changes WHERE revision <= ?", this.#revision() - limits.login.changesKept);
    return row.hint ?? undefined;
  }

  /** What has ended by its time needs no word in the log: its cookie says so. */
  #clear(): void {
    const nowMs = Date.now();
    for (const [table, key] of [
      ["sessions", "id"],
      ["tokens", "token"],
    ])
      this.#sql.exec(
        `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ends_at <= ? LIMIT ?)`,
        nowMs,
        limits.login.clearedMax,
      );
  }

  #changes(since: number): SessionChanges {
    const revision = this.#revision();
    if (since === revision || since < 0) return { revision, ended: [] };
    // A revision that is still to come was told by a state of this object that was replaced by an older one.
    if (since > revision || revision - since > limits.login.changesKept) return { revision };
    const rows = this.#sql.exec<{ id: string }>("SELECT id FROM changes WHERE revision > ?", since);
    return { revision, ended: rows.toArray().map(({ id }) => id) };
  }

  #revision(): number {
    return this.#sql.exec<{ last: number | null }>("SELECT max(revision) AS last FROM changes").one().last ?? 0;
  }
}
