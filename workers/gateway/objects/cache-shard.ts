import { DurableObject } from "cloudflare:workers";
import {
  beginCollapse,
  type CollapseOutcome,
  endCollapse,
  leaderOf,
  newCollapses,
} from "../../../shared/cache/collapse.ts";
import { type PurgeScope, purgeMatches, targetPath } from "../../../shared/cache/purges.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import { limits } from "../../../shared/limits.ts";
import { until } from "../upstream/wait.ts";
import { type EntryRow, openTables } from "./cache-tables.ts";

const bounds = limits.cacheStores;
const collapse = limits.cacheCollapse;

/** Bytes of a body, and where they begin in it. */
export interface BodyPiece {
  readonly first: number;
  readonly bytes: ArrayBuffer;
}

/** lead: ask the origin and release the key; look: somebody has, see what is stored; alone: ask the origin, for nobody else. */
export type ShardTurn = "lead" | "look" | "alone";

/**
 * Stored answers whose keys hash alike: heads by key, bodies in rows of at most `pieceBytesMax`. An entry without a key is not
 * found: its body is on its way in, or somebody may still be reading it on its way out. Makes room by SIEVE (`shared/policy/sieve.ts`),
 * whose order is that of the rows.
 */
export class CacheShard extends DurableObject {
  readonly #sql: SqlStorage;
  /** Bodies and heads of all entries. */
  #bytes = 0;
  #isOpen: boolean;
  /** Where SIEVE looks next: a lost one begins again with the oldest. */
  #hand = 0;
  /** When the alarm rings; 0: this is not known. */
  #alarmAtMs = 0;
  /** Id to until when it is read. */
  readonly #readers = new Map<string, number>();
  /** In memory alone: what is lost with it are requests to the origin. */
  readonly #collapses = newCollapses();
  #heldCount = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#isOpen = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'entries'").toArray().length > 0;
    if (this.#isOpen)
      this.#bytes = this.#sql.exec<{ bytes: number }>("SELECT ifnull(sum(bytes), 0) AS bytes FROM entries").one().bytes;
  }

  /** @returns heads as JSON, so that they are read where they are needed */
  find(key: string): string[] {
    if (!this.#isOpen) return [];
    const rows = this.#sql
      .exec<{ head: string; used: number }>(
        "SELECT head, used FROM entries WHERE key = ? AND ends_at > ?",
        key,
        Date.now(),
      )
      .toArray();
    if (rows.some(({ used }) => used === 0))
      this.#sql.exec("UPDATE entries SET used = 1 WHERE key = ? AND used = 0", key);
    return rows.map(({ head }) => head);
  }

  /** The piece of a body with a byte, and what follows it there. @returns undefined: it is gone */
  read(id: string, at: number): BodyPiece | undefined {
    if (!this.#isOpen) return undefined;
    const [row] = this.#sql
      .exec<{ first: number; bytes: ArrayBuffer; last: number }>(
        `SELECT first, bytes, (SELECT max(first) FROM pieces WHERE id = ?1) AS last
         FROM pieces WHERE id = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1`,
        id,
        at,
      )
      .toArray();
    if (row === undefined) return undefined;
    const { first, bytes, last } = row;
    if (first < last) this.#noteReader(id);
    return { first, bytes };
  }

  /** The next piece of a body that is not found yet. @returns whether there was room */
  append(id: string, first: number, bytes: Uint8Array): boolean {
    if (!this.#isOpen) this.#open();
    return this.ctx.storage.transactionSync(() => {
      const [row] = this.#sql.exec<EntryRow>("SELECT * FROM entries WHERE id = ?", id).toArray();
      if ((row?.bytes ?? 0) !== first || (row !== undefined && row.key !== null)) return false;
      if (!this.#makeRoom(bytes.byteLength)) return false;
      const endsAtMs = Date.now() + bounds.uncommittedMs;
      if (row === undefined) {
        this.#sql.exec("INSERT INTO entries (id, head, bytes, ends_at) VALUES (?, '', 0, ?)", id, endsAtMs);
        this.#wakeBy(endsAtMs);
      }
      this.#addPiece(id, first, bytes, endsAtMs);
      return true;
    });
  }

  /**
   * Makes an answer to be found, once its body is whole.
   * @param rest of the body after what was appended
   * @returns whether it is found from now on
   */
  commit(key: string, head: StoredHead, rest: Uint8Array): boolean {
    const text = JSON.stringify(head);
    if (!this.append(head.id, head.bodyBytes - rest.byteLength, rest)) return false;
    if (!this.#makeRoom(text.length)) return false;
    this.ctx.storage.transactionSync(() => {
      this.#write(key, head, text, 0);
      this.#boundVariants(key);
    });
    return true;
  }

  /** What was appended goes again. */
  abort(id: string): void {
    if (!this.#isOpen) return;
    const rows = this.#sql.exec<EntryRow>("SELECT * FROM entries WHERE id = ? AND key IS NULL", id).toArray();
    this.ctx.storage.transactionSync(() => {
      for (const row of rows) this.#delete(row);
    });
  }

  /** Another head for a body that is there. */
  replace(key: string, head: StoredHead): void {
    if (!this.#isOpen) return;
    const [row] = this.#sql.exec<EntryRow>("SELECT * FROM entries WHERE id = ? AND key = ?", head.id, key).toArray();
    if (row === undefined) return;
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM tags WHERE seq = ?", row.seq);
      this.#write(key, head, JSON.stringify(head), row.head_bytes);
    });
  }

  /** @param ids absent: all answers of the key */
  remove(key: string, ids?: readonly string[]): void {
    if (!this.#isOpen) return;
    const rows = this.#sql.exec<EntryRow>("SELECT * FROM entries WHERE key = ?", key).toArray();
    this.ctx.storage.transactionSync(() => {
      for (const row of rows) if (ids === undefined || ids.includes(row.id)) this.#drop(row);
    });
  }

  /**
   * Gives back the room of what a hard purge has ended, some of it at a time. Nobody would be served it anyway.
   * @param number of the purge
   * @param after where the call before ended; 0: there was none
   * @returns where this one ended; undefined: there is no more of it
   */
  forget(scope: PurgeScope, number: number, after: number): number | undefined {
    if (!this.#isOpen) return undefined;
    const rows = this.#matching(scope, number, after);
    this.ctx.storage.transactionSync(() => {
      for (const row of rows) if (purgeMatches(scope, JSON.parse(row.head) as StoredHead)) this.#drop(row);
    });
    return rows.length === bounds.sweepRowsMax ? rows.at(-1)?.seq : undefined;
  }

  /** Whose turn it is to ask the origin for a key. Somebody who has to wait is held here, until the time is over at most. */
  async lead(key: string, token: string, waitMs: number): Promise<ShardTurn> {
    const verdict = beginCollapse(this.#collapses, key, token, collapse, Date.now());
    if (verdict !== "follow") return verdict;
    if (this.#heldCount >= collapse.heldMax) return "alone";
    const leader = leaderOf(this.#collapses, key, Date.now());
    this.#heldCount++;
    try {
      const isOver = (): boolean => leaderOf(this.#collapses, key, Date.now()) !== leader;
      const isEnded = await until(isOver, Math.min(waitMs, collapse.waitMs));
      return isEnded && !this.#collapses.apart.has(key) ? "look" : "alone";
    } finally {
      this.#heldCount--;
    }
  }

  release(key: string, token: string, outcome: CollapseOutcome): void {
    endCollapse(this.#collapses, key, token, outcome, collapse, Date.now());
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const rows = this.#sql
      .exec<EntryRow>("SELECT * FROM entries WHERE ends_at <= ? LIMIT ?", nowMs, bounds.sweepRowsMax)
      .toArray();
    this.ctx.storage.transactionSync(() => {
      for (const row of rows) this.#drop(row);
    });
    for (const [id, untilMs] of this.#readers) if (untilMs <= nowMs) this.#readers.delete(id);
    const { first } = this.#sql.exec<{ first: number | null }>("SELECT min(ends_at) AS first FROM entries").one();
    if (first === null) {
      this.#isOpen = false;
      this.#alarmAtMs = 0;
      await this.ctx.storage.deleteAll();
      return;
    }
    this.#alarmAtMs = Math.max(first, nowMs + (rows.length < bounds.sweepRowsMax ? bounds.sweepMs : 0));
    await this.ctx.storage.setAlarm(this.#alarmAtMs);
  }

  #open(): void {
    openTables(this.#sql);
    this.#isOpen = true;
    this.#bytes = 0;
    this.#hand = 0;
  }

  #addPiece(id: string, first: number, bytes: Uint8Array, endsAtMs: number): void {
    if (bytes.byteLength > 0) this.#sql.exec("INSERT INTO pieces VALUES (?, ?, ?)", id, first, bytes);
    this.#sql.exec("UPDATE entries SET bytes = bytes + ?, ends_at = ? WHERE id = ?", bytes.byteLength, endsAtMs, id);
    this.#bytes += bytes.byteLength;
  }

  /** @param bytesBefore of the head that it replaces */
  #write(key: string, head: StoredHead, text: string, bytesBefore: number): void {
    const grown = text.length - bytesBefore;
    const { seq } = this.#sql
      .exec<{ seq: number }>(
        `UPDATE entries SET key = ?, head = ?, head_bytes = ?, bytes = bytes + ?, ends_at = ?, purge = ?, path = ?
         WHERE id = ? RETURNING seq`,
        ...[key, text, text.length, grown, head.keepUntilMs, head.purge, targetPath(head.target), head.id],
      )
      .one();
    this.#bytes += grown;
    for (const tag of new Set(head.tags)) this.#sql.exec("INSERT INTO tags VALUES (?, ?)", tag, seq);
    this.#wakeBy(head.keepUntilMs);
  }

  #boundVariants(key: string): void {
    const rows = this.#sql.exec<EntryRow>("SELECT * FROM entries WHERE key = ? ORDER BY seq DESC", key).toArray();
    for (const row of rows.slice(bounds.variantsMax)) this.#drop(row);
  }

  /** Rows that a purge may have ended, in their order; the index knows neither hosts nor queries. */
  #matching(scope: PurgeScope, number: number, after: number): EntryRow[] {
    const [where, ...values] = conditionOf(scope);
    return this.#sql
      .exec<EntryRow>(
        `SELECT * FROM entries WHERE seq > ? AND key IS NOT NULL AND purge < ? AND ${where} ORDER BY seq LIMIT ?`,
        ...[after, number, ...values, bounds.sweepRowsMax],
      )
      .toArray();
  }

  /** @returns whether so many bytes more are within the bound, after what was used least has gone */
  #makeRoom(bytes: number): boolean {
    for (let rounds = 0; this.#bytes + bytes > bounds.shardBytesMax; ) {
      const [row] = this.#sql
        .exec<EntryRow>("SELECT * FROM entries WHERE seq > ? AND key IS NOT NULL ORDER BY seq LIMIT 1", this.#hand)
        .toArray();
      // What is on its way in or out, or is being read, is no room to be had: after two rounds there is nothing else.
      if (row === undefined && (this.#hand === 0 || ++rounds > 2)) return false;
      this.#hand = row?.seq ?? 0;
      if (row?.used === 1) this.#sql.exec("UPDATE entries SET used = 0 WHERE seq = ?", row.seq);
      else if (row !== undefined && this.#readUntilMs(row.id) <= Date.now()) this.#delete(row);
    }
    return true;
  }

  /** Is not found any more. The body stays for a while where somebody reads it. */
  #drop(row: EntryRow): void {
    const untilMs = this.#readUntilMs(row.id);
    if (untilMs <= Date.now()) this.#delete(row);
    else {
      this.#sql.exec("UPDATE entries SET key = NULL, ends_at = ? WHERE seq = ?", untilMs, row.seq);
      this.#sql.exec("DELETE FROM tags WHERE seq = ?", row.seq);
      this.#wakeBy(untilMs);
    }
  }

  #delete({ seq, id, bytes }: EntryRow): void {
    this.#sql.exec("DELETE FROM pieces WHERE id = ?", id);
    this.#sql.exec("DELETE FROM tags WHERE seq = ?", seq);
    this.#sql.exec("DELETE FROM entries WHERE seq = ?", seq);
    this.#bytes -= bytes;
  }

  #readUntilMs(id: string): number {
    return this.#readers.get(id) ?? 0;
  }

  #noteReader(id: string): void {
    this.#readers.delete(id);
    this.#readers.set(id, Date.now() + bounds.readerGraceMs);
    for (const [oldest, untilMs] of this.#readers) {
      if (untilMs > Date.now() && this.#readers.size <= bounds.readersMax) break;
      this.#readers.delete(oldest);
    }
  }

  /** Rings no more than once in `sweepMs`, whatever ends in between. */
  #wakeBy(ms: number): void {
    const soonestMs = Date.now() + bounds.sweepMs;
    if (this.#alarmAtMs !== 0 && this.#alarmAtMs <= Math.max(ms, soonestMs)) return;
    const { first } = this.#sql.exec<{ first: number | null }>("SELECT min(ends_at) AS first FROM entries").one();
    this.#alarmAtMs = Math.max(Math.min(ms, first ?? ms), soonestMs);
    void this.ctx.storage.setAlarm(this.#alarmAtMs);
  }
}

type Condition = readonly [where: string, ...values: string[]];

function conditionOf(scope: PurgeScope): Condition {
  switch (scope.kind) {
    case "all":
      return ["true"];
    case "tag":
      return ["seq IN (SELECT seq FROM tags WHERE tag = ?)", scope.tag];
    case "path":
      return ["path = ?", targetPath(scope.path)];
    case "prefix":
      return ["path >= ? AND path < ?", scope.prefix, `${scope.prefix}\u{10ffff}`];
  }
}
