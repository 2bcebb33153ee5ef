import { limits } from "../../../shared/limits.ts";
import {
  addReport,
  type CounterWindow,
  newCounterWindow,
  oldestSlotMs,
  windowSums,
} from "../../../shared/policy/counter-window.ts";
import { type CounterReport, type SeriesCounts, seriesKey } from "../../../shared/policy/counters.ts";

interface SlotRow extends Record<string, SqlStorageValue> {
  slot_ms: number;
  series: string;
  state: string;
}

interface HeardRow extends Record<string, SqlStorageValue> {
  isolate: string;
  seq: number;
  at_ms: number;
}

/** What isolates counted lately, in SQLite: one row a slot and series, and one an isolate for its last report. */
export class CounterStore {
  readonly #sql: SqlStorage;
  readonly #window: CounterWindow;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS counters (slot_ms INTEGER, series TEXT, state TEXT, PRIMARY KEY (slot_ms, series))",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS counter_reports (isolate TEXT PRIMARY KEY, seq INTEGER, at_ms INTEGER)");
    this.#window = this.#load();
  }

  /** Counts a report, unless it was counted before. @returns whether it was not */
  add(isolate: string, report: CounterReport, nowMs: number): boolean {
    const { counted, slotMs, touched } = addReport(this.#window, isolate, report, nowMs);
    if (!counted) return false;
    const slot = this.#window.slots.get(slotMs);
    for (const key of touched)
      this.#sql.exec("INSERT OR REPLACE INTO counters VALUES (?, ?, ?)", slotMs, key, JSON.stringify(slot?.get(key)));
    this.#sql.exec("INSERT OR REPLACE INTO counter_reports VALUES (?, ?, ?)", isolate, report.seq, nowMs);
    this.#sql.exec("DELETE FROM counters WHERE slot_ms < ?", oldestSlotMs(nowMs));
    this.#sql.exec("DELETE FROM counter_reports WHERE at_ms < ?", nowMs - limits.counters.heardForMs);
    return true;
  }

  sums(nowMs: number): SeriesCounts[] {
    return windowSums(this.#window, nowMs);
  }

  #load(): CounterWindow {
    const window = newCounterWindow();
    for (const { slot_ms, state } of this.#sql.exec<SlotRow>("SELECT * FROM counters")) {
      const series = JSON.parse(state) as { kind: string; labels: string[]; counts: Record<string, number> };
      const slot = window.slots.get(slot_ms) ?? new Map();
      window.slots.set(slot_ms, slot);
      slot.set(seriesKey(series.kind, series.labels), series);
    }
    for (const { isolate, seq, at_ms } of this.#sql.exec<HeardRow>("SELECT * FROM counter_reports ORDER BY at_ms"))
      window.heard.set(isolate, { seq, atMs: at_ms });
    return window;
  }
}
