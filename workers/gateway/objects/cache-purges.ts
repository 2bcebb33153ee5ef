import { DurableObject } from "cloudflare:workers";
import {
  addPurge,
  changesSince,
  newPurgeLog,
  type Purge,
  type PurgeChanges,
  type PurgeLog,
  type PurgeScope,
} from "../../../shared/cache/purges.ts";
import { limits } from "../../../shared/limits.ts";

interface PurgeRow extends Record<string, SqlStorageValue> {
  number: number;
  scope: string;
  soft: number;
}

/**
 * The one log of purges. It begins when it is asked for the first time, and says so by its floor: nothing that was stored under
 * a log that was lost is ever served under another. A purge is on disk before it is answered (the platform holds answers until
 * writes are durable).
 */
export class CachePurges extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #log: PurgeLog;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#log = this.#isOpen() ? this.#read() : this.#begin(newPurgeLog(Date.now()));
  }

  /** One purge for each scope. @returns as they are numbered */
  purge(scopes: readonly PurgeScope[], soft: boolean): Purge[] {
    const nowMs = Date.now();
    const foldedBefore = this.#log.foldedUpTo;
    const purges = scopes.map((scope) => addPurge(this.#log, { scope, soft }, limits.cachePurges, nowMs));
    this.ctx.storage.transactionSync(() => {
      // Of one scope and softness the last counts.
      for (const { number, scope } of purges)
        this.#sql.exec("INSERT OR REPLACE INTO purges VALUES (?, ?, ?)", number, JSON.stringify(scope), Number(soft));
      const { number, floor, foldedUpTo } = this.#log;
      if (foldedUpTo > foldedBefore) this.#writeFolded(foldedBefore);
      this.#sql.exec("DELETE FROM purges WHERE number <= ?", Math.max(floor, foldedUpTo));
      this.#sql.exec("DELETE FROM folded WHERE number <= ?", floor);
      this.#sql.exec("UPDATE log SET number = ?, floor = ?, folded_up_to = ?", number, floor, foldedUpTo);
    });
    return purges;
  }

  /** @param since the last number that the asker knows; 0: none */
  changes(since: number): PurgeChanges {
    return changesSince(this.#log, since);
  }

  #isOpen(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'log'").toArray().length > 0;
  }

  #begin(log: PurgeLog): PurgeLog {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(`
        CREATE TABLE log (number INTEGER NOT NULL, floor INTEGER NOT NULL, folded_up_to INTEGER NOT NULL);
        CREATE TABLE folded (hash INTEGER PRIMARY KEY, number INTEGER NOT NULL);
        CREATE TABLE purges (number INTEGER PRIMARY KEY, scope TEXT NOT NULL, soft INTEGER NOT NULL, UNIQUE (scope, soft));`);
      this.#sql.exec("INSERT INTO log VALUES (?, ?, ?)", log.number, log.floor, log.foldedUpTo);
    });
    return log;
  }

  #writeFolded(foldedBefore: number): void {
    for (const [hash, number] of this.#log.folded)
      if (number > foldedBefore) this.#sql.exec("INSERT OR REPLACE INTO folded VALUES (?, ?)", hash, number);
  }

  #read(): PurgeLog {
    const { number, floor, folded_up_to } = this.#sql
      .exec<{ number: number; floor: number; folded_up_to: number }>("SELECT * FROM log")
      .one();
    const rows = this.#sql.exec<PurgeRow>("SELECT number, scope, soft FROM purges ORDER BY number").toArray();
    const purges = rows.map((row) => ({
      number: row.number,
      scope: JSON.parse(row.scope) as PurgeScope,
      soft: row.soft !== 0,
    }));
    const folded = this.#sql.exec<{ hash: number; number: number }>("SELECT hash, number FROM folded").toArray();
    return {
      number,
      floor,
      purges,
      folded: new Map(folded.map((one) => [one.hash, one.number])),
      foldedUpTo: folded_up_to,
    };
  }
}
