/** Past requests, one row each; which of them stay is decided in `shared/policy/record-shelf.ts`. */
import { DurableObject } from "cloudflare:workers";
import { records as bounds } from "../../../shared/limits/records.ts";
import {
  newShelf,
  type Offered,
  offerRecord,
  putBack,
  recordsOn,
  type Shelf,
  type ShelfKind,
  type ShelfRecord,
  sweepShelf,
} from "../../../shared/policy/record-shelf.ts";
import type { RecordsReport, RecordsTaken } from "../../../shared/wire/records.ts";
import type { Env } from "../env.ts";
import type { RecordsQuestion, RecordsRpc, StoredRecords, StoredTrace } from "./records-rpc.ts";

interface Row extends Record<string, SqlStorageValue> {
  id: number;
  kind: string;
  trace: string;
  route: string;
  at_ms: number;
  until_ms: number;
  rank: number;
  chars: number;
}

export class RecordStore extends DurableObject<Env> implements RecordsRpc {
  readonly #sql: SqlStorage;
  /** All but the records themselves: an index in the storage would be one more row to write for each. */
  #shelf: Shelf;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, kind TEXT, trace TEXT, route TEXT, at_ms INTEGER, until_ms INTEGER, rank REAL, record TEXT)",
    );
    this.#shelf = this.#load();
  }

  async report({ keepMs, perRoute, records, hops }: RecordsReport): Promise<RecordsTaken> {
    const nowMs = Date.now();
    let drawn = 0;
    try {
      this.ctx.storage.transactionSync(() => {
        for (const { weight, record } of records) {
          const { because: kind, entry } = record;
          const { time, traceId, route = "" } = entry;
          const text = JSON.stringify(record);
          const offered = { kind, traceId, route, atMs: Date.parse(time), weight, keepMs, perRoute };
          if (this.#offer(offered, text, bounds.recordBytesMax, nowMs) && kind === "drawn") drawn++;
        }
        for (const hop of hops) {
          const { time, traceId, route = "" } = hop;
          const offered = { traceId, route, atMs: Date.parse(time), weight: 1, keepMs, perRoute };
          this.#offer({ kind: "hop", ...offered }, JSON.stringify(hop), bounds.hopBytesMax, nowMs);
        }
      });
    } catch (error) {
      // The storage is as it was before, and the memory follows it.
      this.#shelf = this.#load();
      throw error;
    }
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(nowMs + bounds.sweepMs);
    return { drawn };
  }

  /** @returns whether it is kept */
  #offer(offered: Omit<Offered, "chars">, text: string, charsMax: number, nowMs: number): boolean {
    if (text.length > charsMax) return false;
    const { put, dropped } = offerRecord(this.#shelf, { ...offered, chars: text.length }, Math.random(), nowMs);
    for (const id of dropped) if (id !== put?.id) this.#sql.exec("DELETE FROM records WHERE id = ?", id);
    if (put === undefined) return false;
    const { id, kind, traceId, route, atMs, untilMs, rank } = put;
    const values = [id, kind, traceId, route, atMs, untilMs, rank, text];
    this.#sql.exec("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ...values);
    return true;
  }

  async list({ route, because, limit, routes }: RecordsQuestion): Promise<StoredRecords> {
    const nowMs = Date.now();
    const found = [...recordsOn(this.#shelf)].filter(
      (one) =>
        one.kind !== "hop" &&
        one.untilMs > nowMs &&
        (route === undefined || one.route === route) &&
        (because === undefined || one.kind === because) &&
        (routes === undefined || routes.includes(one.route)),
    );
    const shown = found.sort((a, b) => b.atMs - a.atMs || b.id - a.id).slice(0, limit);
    return { records: this.#texts(shown), leftOut: found.length - shown.length };
  }

  async ofTrace(traceId: string, routes?: readonly string[]): Promise<StoredTrace> {
    const nowMs = Date.now();
    const all = [...recordsOn(this.#shelf)].filter((one) => one.traceId === traceId && one.untilMs > nowMs);
    const found = all.sort((a, b) => a.atMs - b.atMs || a.id - b.id);
    const own = found.filter(({ kind, route }) => kind !== "hop" && (routes === undefined || routes.includes(route)));
    // Whose request it is sees what became of it behind the gateway.
    const hops = routes !== undefined && own.length === 0 ? [] : found.filter(({ kind }) => kind === "hop");
    return { records: this.#texts(own), hops: this.#texts(hops) };
  }

  async clear(): Promise<void> {
    this.#sql.exec("DELETE FROM records");
    this.#shelf = newShelf();
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const over = sweepShelf(this.#shelf, nowMs);
    if (over.length > 0) this.#sql.exec("DELETE FROM records WHERE until_ms <= ?", nowMs);
    if (!recordsOn(this.#shelf).next().done) await this.ctx.storage.setAlarm(nowMs + bounds.sweepMs);
  }

  #texts(records: readonly ShelfRecord[]): string[] {
    return records.map(
      ({ id }) => this.#sql.exec<{ record: string }>("SELECT record FROM records WHERE id = ?", id).one().record,
    );
  }

  #load(): Shelf {
    const shelf = newShelf();
    const columns = "id, kind, trace, route, at_ms, until_ms, rank, length(record) AS chars";
    for (const row of this.#sql.exec<Row>(`SELECT ${columns} FROM records ORDER BY at_ms, id`)) {
      const { id, trace: traceId, route, at_ms: atMs, until_ms: untilMs, rank, chars } = row;
      putBack(shelf, { id, kind: row.kind as ShelfKind, traceId, route, atMs, untilMs, rank, chars });
    }
    return shelf;
  }
}
