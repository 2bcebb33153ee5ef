import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";

/** `ended`: the proof cannot be told from one that was forgotten. `full`: it cannot be remembered. */
export type TakenProof = "first" | "again" | "ended" | "full";

/**
 * Proofs that were used, by their hash, until they end (RFC 9449 section 11.1, RFC 9421 section 7.2.2). One thread for each hash, so that of two
 * equal ones that come to two isolates at once exactly one is the first. A proof is on disk before it is answered (the
 * platform holds the answer until the write is durable).
 */
export class ReplayStore extends DurableObject {
  readonly #sql: SqlStorage;
  #count: number;
  #purgedAtMs = 0;
  /** Whether an alarm is set that forgets what has ended. */
  #alarmed: boolean;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS proofs (hash TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS proofs_by_end ON proofs (ends_at);`);
    this.#count = this.#counted();
    this.#alarmed = this.#count > 0;
    if (this.#alarmed) void ctx.storage.setAlarm(Date.now() + limits.replay.purgeEveryMs);
  }

  /** Remembers a proof. @param endsAtMs until then it must not be accepted again */
  take(hash: string, endsAtMs: number): TakenProof {
    const nowMs = Date.now();
    if (endsAtMs <= nowMs) return "ended";
    if (this.#count >= limits.replay.proofsMax) this.#purge(nowMs, limits.replay.purgeWhenFullEveryMs);
    if (this.#count >= limits.replay.proofsMax) return this.#isKnown(hash) ? "again" : "full";
    const inserted = this.#sql.exec(
      "INSERT INTO proofs (hash, ends_at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1",
      hash,
      endsAtMs,
    );
    if (inserted.toArray().length === 0) return "again";
    this.#count++;
    if (!this.#alarmed) void this.ctx.storage.setAlarm(nowMs + limits.replay.purgeEveryMs);
    this.#alarmed = true;
    return "first";
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    this.#purge(nowMs, 0);
    this.#alarmed = this.#count > 0;
    if (this.#alarmed) await this.ctx.storage.setAlarm(nowMs + limits.replay.purgeEveryMs);
  }

  #isKnown(hash: string): boolean {
    return this.#sql.exec("SELECT 1 FROM proofs WHERE hash = ?", hash).toArray().length > 0;
  }

  #purge(nowMs: number, everyMs: number): void {
    if (nowMs - this.#purgedAtMs < everyMs) return;
    this.#purgedAtMs = nowMs;
    this.#sql.exec("DELETE FROM proofs WHERE ends_at <= ?", nowMs);
    this.#count = this.#counted();
  }

  #counted(): number {
    return this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM proofs").one().count;
  }
}
