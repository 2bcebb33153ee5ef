/** The taps that are open: one object, which sources report to and those who tap read from. Nobody taps: it does nothing. */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import {
  openTap,
  readTap,
  reportTaps,
  sweepTaps,
  type TapDesk,
  type TapNews,
  type TapRecord,
  toldTaps,
} from "../../../shared/policy/tap-desk.ts";
import type { TapReport, TapsAnswer } from "../../../shared/policy/tap-source.ts";
import type { TapRequest } from "../../../shared/wire/taps.ts";
import type { Env } from "../env.ts";
import { eachHub } from "../upstream/hubs.ts";
import { MAIN, type Refused, type TapsRpc } from "./rpc.ts";

export class Taps extends DurableObject<Env> implements TapsRpc {
  /** What waits to be read is in memory alone, and the records in storage too: an eviction loses a moment of the stream. */
  readonly #desk: TapDesk = new Map();
  readonly #sql: SqlStorage;
  #toldAtMs = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS taps (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID");
    const nowMs = Date.now();
    for (const { record } of this.#sql.exec<{ record: string }>("SELECT record FROM taps")) {
      const known = JSON.parse(record) as TapRecord;
      openTap(this.#desk, { ...known, leaseEndsAtMs: nowMs + limits.taps.leaseMs }, nowMs);
    }
  }

  async open({ forMs, ...request }: TapRequest, by: string): Promise<{ id: string } | Refused> {
    const nowMs = Date.now();
    const id = crypto.randomUUID();
    const record = { ...request, id, by, endsAtMs: nowMs + forMs, leaseEndsAtMs: nowMs + limits.taps.leaseMs };
    if (!openTap(this.#desk, record, nowMs))
      return { refused: { code: "taps_full", reason: `${limits.taps.max} taps are open` } };
    this.#sql.exec("INSERT INTO taps VALUES (?, ?)", id, JSON.stringify(record));
    await this.ctx.storage.setAlarm(nowMs + limits.taps.leaseMs);
    await this.#tell(nowMs);
    return { id };
  }

  async read(id: string, by: string): Promise<TapNews | Refused> {
    const nowMs = Date.now();
    const news = readTap(this.#desk, id, by, nowMs);
    if (news === undefined) return { refused: { code: "tap_unknown", reason: `no tap ${id} of ${by} is open` } };
    // Hubs and agents that came meanwhile do not know it.
    if (Math.abs(nowMs - this.#toldAtMs) >= limits.taps.tellEveryMs) this.ctx.waitUntil(this.#tell(nowMs));
    return news;
  }

  async close(id: string, by: string): Promise<void> {
    if (this.#desk.get(id)?.record.by !== by) return;
    this.#desk.delete(id);
    this.#forget(id);
    await this.#tell(Date.now());
  }

  async report(reports: readonly TapReport[]): Promise<TapsAnswer> {
    return reportTaps(this.#desk, reports, Date.now());
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    sweepTaps(this.#desk, nowMs);
    const kept = this.#sql.exec<{ id: string }>("SELECT id FROM taps").toArray();
    for (const { id } of kept) if (!this.#desk.has(id)) this.#forget(id);
    if (this.#desk.size > 0) await this.ctx.storage.setAlarm(nowMs + limits.taps.leaseMs);
  }

  #forget(id: string): void {
    this.#sql.exec("DELETE FROM taps WHERE id = ?", id);
  }

  /** Whoever does not hear it now hears it the next time; sources end a tap by themselves that is not told again. */
  async #tell(nowMs: number): Promise<void> {
    this.#toldAtMs = nowMs;
    const told = toldTaps(this.#desk, nowMs);
    const text = JSON.stringify({ type: "taps", taps: told });
    const calls = [this.env.CONFIG.getByName(MAIN).tapping(told), eachHub(this.env, (hub) => hub.tapping(text))];
    for (const result of await Promise.allSettled(calls))
      if (result.status === "rejected")
        console.error(JSON.stringify({ kind: "error", act: "tell-taps", reason: String(result.reason) }));
  }
}
