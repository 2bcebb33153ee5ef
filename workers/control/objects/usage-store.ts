/** What a part of the gateway's isolates count, in slots of time; what is decided is in `shared/policy/usage-rollup.ts`. */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import type { CounterReport, SeriesCounts } from "../../../shared/policy/counters.ts";
import { noteExemplar, type RouteExemplars } from "../../../shared/policy/route-exemplars.ts";
import { addGroups, type UsageGroups } from "../../../shared/policy/usage-report.ts";
import {
  addToSlot,
  addUsage,
  closeMinute,
  isKept,
  isNews,
  isOver,
  newRollup,
  oldestKeptMs,
  RESOLUTIONS,
  type Resolution,
  type RollupState,
  resolutionFor,
  slotOf,
  slotStartMs,
} from "../../../shared/policy/usage-rollup.ts";
import type { Env } from "../env.ts";
import type { UsageRequest, UsageStoreRpc, UsageSums, UsageTotals } from "./usage-rpc.ts";

interface ReportRow extends Record<string, SqlStorageValue> {
  isolate: string;
  at_ms: number;
  report: string;
}

interface SlotRow extends Record<string, SqlStorageValue> {
  start_ms: number;
  series: string;
}

/** Name of the row of which reports were heard, beside those of slots. */
const HEARD = "heard";

export class UsageStore extends DurableObject<Env> implements UsageStoreRpc {
  readonly #sql: SqlStorage;
  #state: RollupState;
  /** In memory alone: they are of the last moments. */
  readonly #exemplars: RouteExemplars = new Map();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    // Reports of the minute that grows, as they came: what is in memory can be made of them again.
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS reports (id INTEGER PRIMARY KEY, isolate TEXT, at_ms INTEGER, report TEXT)",
    );
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS slots (resolution TEXT, start_ms INTEGER, series TEXT, PRIMARY KEY (resolution, start_ms)) WITHOUT ROWID",
    );
    this.#state = this.#load();
  }

  async add(isolate: string, report: CounterReport): Promise<void> {
    const nowMs = Date.now();
    if (!isNews(this.#state, isolate, report)) return;
    for (const one of report.exemplars ?? []) noteExemplar(this.#exemplars, one, limits.usage.exemplarsMax);
    const kept = { seq: report.seq, series: report.series.filter(isKept) };
    try {
      this.ctx.storage.transactionSync(() => this.#add(isolate, kept, nowMs));
    } catch (error) {
      // The storage is as it was before, and the memory follows it.
      this.#state = this.#load();
      throw error;
    }
  }

  #add(isolate: string, report: CounterReport, nowMs: number): void {
    if (isOver(this.#state, nowMs)) this.#close(nowMs);
    this.#sql.exec(
      "INSERT INTO reports (isolate, at_ms, report) VALUES (?, ?, ?)",
      ...[isolate, nowMs, JSON.stringify(report)],
    );
    addUsage(this.#state, isolate, report, nowMs);
  }

  async read({ windowMs, atMs, ...filter }: UsageRequest): Promise<UsageSums> {
    const of = resolutionFor(windowMs);
    const fromMs = Math.max(slotStartMs(of, atMs - windowMs), oldestKeptMs(of, atMs));
    const sums = new Map<number, UsageGroups>();
    const rows = this.#sql.exec<SlotRow>(
      "SELECT start_ms, series FROM slots WHERE resolution = ? AND start_ms >= ? ORDER BY start_ms",
      ...[of, fromMs],
    );
    for (const { start_ms, series } of rows) addGroups(groupsAt(sums, start_ms), JSON.parse(series), filter);
    const { minuteMs, minute } = this.#state;
    if (minuteMs !== undefined && slotStartMs(of, minuteMs) >= fromMs)
      addGroups(groupsAt(sums, slotStartMs(of, minuteMs)), minute.values(), filter);
    return [...sums].map(([startMs, groups]) => ({ atMs: startMs, groups })).filter(({ groups }) => groups.size > 0);
  }

  async totals(): Promise<UsageTotals> {
    const slot = slotOf(this.#stored("total", 0) ?? []);
    for (const series of this.#state.minute.values()) addToSlot(slot, series);
    return { series: [...slot.values()], exemplars: [...this.#exemplars.values()] };
  }

  #close(nowMs: number): void {
    for (const { of, startMs, series } of closeMinute(this.#state, (of, startMs) => this.#stored(of, startMs)))
      this.#put(of, startMs, series);
    this.#put(HEARD, 0, [...this.#state.heard]);
    this.#sql.exec("DELETE FROM reports");
    for (const of of RESOLUTIONS)
      this.#sql.exec("DELETE FROM slots WHERE resolution = ? AND start_ms < ?", of, oldestKeptMs(of, nowMs));
  }

  #put(name: string, startMs: number, value: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", name, startMs, JSON.stringify(value));
  }

  #stored(of: Resolution, startMs: number): SeriesCounts[] | undefined {
    const [row] = this.#rows(of, startMs);
    return row && (JSON.parse(row.series) as SeriesCounts[]);
  }

  #rows(name: string, startMs: number): SlotRow[] {
    const found = this.#sql.exec<SlotRow>(
      "SELECT start_ms, series FROM slots WHERE resolution = ? AND start_ms = ?",
      ...[name, startMs],
    );
    return found.toArray();
  }

  #load(): RollupState {
    const state = newRollup();
    for (const { series } of this.#rows(HEARD, 0))
      for (const [isolate, last] of JSON.parse(series)) state.heard.set(isolate, last);
    for (const { isolate, at_ms, report } of this.#sql.exec<ReportRow>("SELECT * FROM reports ORDER BY id"))
      addUsage(state, isolate, JSON.parse(report) as CounterReport, at_ms);
    return state;
  }
}

function groupsAt(sums: Map<number, UsageGroups>, startMs: number): UsageGroups {
  const groups: UsageGroups = sums.get(startMs) ?? new Map();
  sums.set(startMs, groups);
  return groups;
}
