import { limits } from "../../../shared/limits.ts";
import type { SeriesCounts } from "../../../shared/policy/counters.ts";
import type { DeprecatedCaller } from "../../../shared/wire/admin.ts";

interface CallerRow extends Record<string, SqlStorageValue> {
  route: string;
  caller: string;
  requests: number;
  first_ms: number;
  last_ms: number;
}

const bounds = limits.lifeCycle;

/** Who still calls deprecated routes, in SQLite: one row a route and caller. Of too many those go whose last call is longest ago. */
export class CallerStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS deprecated_callers (
      route TEXT, caller TEXT, requests INTEGER, first_ms INTEGER, last_ms INTEGER, PRIMARY KEY (route, caller))`);
    sql.exec("CREATE INDEX IF NOT EXISTS deprecated_callers_last ON deprecated_callers (last_ms)");
  }

  /** @param series of one report that was not counted before */
  add(series: readonly SeriesCounts[], nowMs: number): void {
    const calls = series.filter(({ kind }) => kind === "deprecated");
    if (calls.length === 0) return;
    for (const { labels, counts } of calls) {
      const [route = "", caller = ""] = labels;
      this.#sql.exec(
        `INSERT INTO deprecated_callers VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (route, caller) DO UPDATE SET requests = requests + excluded.requests, last_ms = excluded.last_ms`,
        ...[route, caller, counts.requests ?? 0, nowMs, nowMs],
      );
    }
    this.#sql.exec("DELETE FROM deprecated_callers WHERE last_ms < ?", nowMs - bounds.callersKeptMs);
    this.#sql.exec(
      `DELETE FROM deprecated_callers WHERE rowid IN (
        SELECT rowid FROM deprecated_callers ORDER BY last_ms DESC LIMIT -1 OFFSET ?)`,
      bounds.callersMax,
    );
  }

  /** Those that called last come first. */
  list(): DeprecatedCaller[] {
    const rows = this.#sql.exec<CallerRow>("SELECT * FROM deprecated_callers ORDER BY last_ms DESC, route, caller");
    return rows.toArray().map(({ route, caller, requests, first_ms: firstAtMs, last_ms: lastAtMs }) => ({
      ...{ route, caller, requests, firstAtMs, lastAtMs },
    }));
  }
}
