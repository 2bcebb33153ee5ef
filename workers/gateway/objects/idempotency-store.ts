import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import {
  beginRequest,
  type IdempotencyOutcome,
  type IdempotencyQuestion,
  type IdempotencyRecord,
  type IdempotencyVerdict,
  newIdempotencyRecord,
  settleRequest,
} from "../../../shared/policy/idempotency.ts";

/** A question under a key's digest. */
export interface StoreQuestion extends IdempotencyQuestion {
  readonly key: string;
  /** How long the call is held while another attempt runs. */
  readonly waitMs: number;
}

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Null: an answer without content. */
  readonly body: Uint8Array | null;
}

export type StoreAnswer =
  | Exclude<IdempotencyVerdict, { kind: "replay" }>
  | { readonly kind: "replay"; readonly answer: KeptAnswer }
  | { readonly kind: "full"; readonly retryAfterMs: number };

export interface Settlement {
  readonly key: string;
  readonly attempt: string;
  readonly outcome: IdempotencyOutcome;
  /** 0: no answer. */
  readonly status: number;
  readonly ttlMs: number;
  /** With `kept`. */
  readonly answer?: KeptAnswer;
}

interface RecordRow extends Record<string, SqlStorageValue> {
  state: IdempotencyRecord["state"];
  fingerprint: string;
  attempt: string;
  started_at: number;
  lease_ends_at: number;
  ends_at: number;
  status: number;
  bytes: number;
}

/**
 * Records of requests of one identity on one route, under digests of their keys. One thread and its own clock, so of equal
 * requests one runs; what it decides is on disk before it is answered (the platform holds answers until writes are durable).
 * Calls that wait for another are held here in memory, with an end: who was cut off by an eviction asks again.
 */
export class IdempotencyStore extends DurableObject {
  readonly #sql: SqlStorage;
  /** Whether there are tables, and with them an alarm. */
  #isOpen: boolean;
  #count = 0;
  #storedBytes = 0;
  readonly #held = new Map<string, Set<() => void>>();
  #heldCount = 0;

  /** Calls that wait here. */
  get heldCount(): number {
    return this.#heldCount;
  }

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#isOpen = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'records'").toArray().length > 0;
    if (this.#isOpen) this.#countRows();
  }

  /** Whether the request may be carried out. While an equal one runs, the answer comes when that has ended, at `waitMs` at the latest. */
  async begin(question: StoreQuestion): Promise<StoreAnswer> {
    const endMs = Date.now() + Math.min(question.waitMs, limits.idempotency.holdMsMax);
    for (;;) {
      const nowMs = Date.now();
      const answer = this.#decide(question, nowMs);
      if (answer.kind !== "running" || nowMs >= endMs || this.#heldCount >= limits.idempotency.heldMax) return answer;
      await this.#change(question.key, Math.min(endMs - nowMs, answer.leaseLeftMs));
    }
  }

  /** Notes how an attempt ended. @returns what was noted; undefined when somebody else has the key by now */
  settle({ key, attempt, outcome, status, ttlMs, answer }: Settlement): IdempotencyOutcome | undefined {
    const found = this.#isOpen ? this.#read(key) : undefined;
    if (found === undefined) return undefined;
    const bytes = answer?.body?.byteLength ?? 0;
    const fits = this.#storedBytes + bytes <= limits.idempotency.storedBytesMax;
    const noted = outcome === "kept" && !(fits && answer !== undefined) ? "unkept" : outcome;
    if (!settleRequest(found.record, attempt, noted, status, ttlMs, Date.now())) return undefined;
    this.ctx.storage.transactionSync(() => {
      if (noted === "released") this.#remove(key, found.bytes);
      else this.#write(key, found.record, found.bytes, noted === "kept" ? answer : undefined);
    });
    this.#wake(key, noted === "kept" ? bytes : 0);
    return noted;
  }

  /** Everybody who waited reads a copy of the answer: so many in turn as an object has room for. */
  #wake(key: string, bytes: number): void {
    const { copiedBytesMax, copyPauseMs } = limits.idempotency;
    const atOnce = Math.max(1, Math.floor(copiedBytesMax / Math.max(1, bytes)));
    const waiting = [...(this.#held.get(key) ?? [])];
    for (const wake of waiting.slice(0, atOnce)) wake();
    if (waiting.length > atOnce) setTimeout(() => this.#wake(key, bytes), copyPauseMs);
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const removed = this.#sweep(nowMs);
    if (this.#count === 0) {
      this.#isOpen = false;
      await this.ctx.storage.deleteAll();
      return;
    }
    const { first } = this.#sql.exec<{ first: number }>("SELECT min(ends_at) AS first FROM records").one();
    const pauseMs = removed < limits.idempotency.sweepRowsMax ? limits.idempotency.sweepMs : 0;
    await this.ctx.storage.setAlarm(Math.max(nowMs + pauseMs, first));
  }

  #decide(question: StoreQuestion, nowMs: number): StoreAnswer {
    if (!this.#isOpen) this.#open();
    const { key } = question;
    const found = this.#read(key);
    if (found === undefined && this.#count >= limits.idempotency.recordsMax && this.#sweep(nowMs) === 0)
      return { kind: "full", retryAfterMs: this.#freeInMs(nowMs) };
    const record = found?.record ?? newIdempotencyRecord();
    const { state, startedAtMs } = record;
    const verdict = beginRequest(record, question, nowMs);
    if (verdict.kind === "replay") return { kind: "replay", answer: this.#readAnswer(key, record.status) };
    if (record.state !== state || record.startedAtMs !== startedAtMs) this.#write(key, record, found?.bytes);
    return verdict;
  }

  /** Until somebody settles the key, or the time is over. */
  #change(key: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#held.get(key) ?? new Set();
      const wake = (): void => {
        clearTimeout(timer);
        if (!waiting.delete(wake)) return;
        this.#heldCount--;
        if (waiting.size === 0) this.#held.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      waiting.add(wake);
      this.#heldCount++;
      this.#held.set(key, waiting);
    });
  }

  #open(): void {
    this.#sql.exec(`
      CREATE TABLE records (
        key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, fingerprint TEXT NOT NULL, attempt TEXT NOT NULL,
        started_at INTEGER NOT NULL, lease_ends_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, status INTEGER NOT NULL,
        bytes INTEGER NOT NULL, fields TEXT, body BLOB);
      CREATE INDEX records_by_end ON records (ends_at);`);
    void this.ctx.storage.setAlarm(Date.now() + limits.idempotency.sweepMs);
    this.#isOpen = true;
    this.#countRows();
  }

  #countRows(): void {
    const counted = this.#sql.exec<{ count: number; bytes: number }>(
      "SELECT count(*) AS count, ifnull(sum(bytes), 0) AS bytes FROM records",
    );
    const { count, bytes } = counted.one();
    this.#count = count;
    this.#storedBytes = bytes;
  }

  #read(key: string): { record: IdempotencyRecord; bytes: number } | undefined {
    const [row] = this.#sql
      .exec<RecordRow>(
        `SELECT state, fingerprint, attempt, started_at, lease_ends_at, ends_at, status, bytes FROM records WHERE key = ?`,
        key,
      )
      .toArray();
    if (row === undefined) return undefined;
    const { state, fingerprint, attempt, status, bytes } = row;
    const times = { startedAtMs: row.started_at, leaseEndsAtMs: row.lease_ends_at, endsAtMs: row.ends_at };
    return { record: { state, fingerprint, attempt, ...times, status }, bytes };
  }

  #readAnswer(key: string, status: number): KeptAnswer {
    const { fields, body } = this.#sql
      .exec<{ fields: string; body: ArrayBuffer | null }>("SELECT fields, body FROM records WHERE key = ?", key)
      .one();
    return { status, fields: JSON.parse(fields), body: body === null ? null : new Uint8Array(body) };
  }

  /** @param bytesBefore of the row that it replaces; undefined: there is none */
  #write(key: string, record: IdempotencyRecord, bytesBefore: number | undefined, answer?: KeptAnswer): void {
    const bytes = answer?.body?.byteLength ?? 0;
    const { state, fingerprint, attempt, startedAtMs, leaseEndsAtMs, endsAtMs, status } = record;
    this.#sql.exec(
      "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[key, state, fingerprint, attempt, startedAtMs, leaseEndsAtMs, endsAtMs, status, bytes],
      answer === undefined ? null : JSON.stringify(answer.fields),
      answer?.body ?? null,
    );
    if (bytesBefore === undefined) this.#count++;
    this.#storedBytes += bytes - (bytesBefore ?? 0);
  }

  #remove(key: string, bytes: number): void {
    this.#sql.exec("DELETE FROM records WHERE key = ?", key);
    this.#count--;
    this.#storedBytes -= bytes;
  }

  /** Removes what has ended. @returns how many */
  #sweep(nowMs: number): number {
    const removed = this.#sql.exec<{ bytes: number }>(
      `DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE ends_at <= ? LIMIT ?) RETURNING bytes`,
      nowMs,
      limits.idempotency.sweepRowsMax,
    );
    let count = 0;
    for (const { bytes } of removed) {
      count++;
      this.#storedBytes -= bytes;
    }
    this.#count -= count;
    return count;
  }

  #freeInMs(nowMs: number): number {
    const { first } = this.#sql.exec<{ first: number }>("SELECT min(ends_at) AS first FROM records").one();
    return Math.max(0, first - nowMs);
  }
}
