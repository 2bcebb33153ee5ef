import { limits } from "../../../shared/limits.ts";
import type { SeriesCounts } from "../../../shared/policy/counters.ts";
import type { Drift } from "../../../shared/wire/admin.ts";

interface DriftRow extends Record<string, SqlStorageValue> {
  route: string;
  operation: string;
  side: string;
  place: string;
  keyword: string;
  requests: number;
  first_ms: number;
  last_ms: number;
}

const bounds = limits.validation;

/** Where requests and answers broke their contract, in SQLite. Of too many places those go whose last request is longest ago. */
export class DriftStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS drift (
      route TEXT, operation TEXT, side TEXT, place TEXT, keyword TEXT, requests INTEGER, first_ms INTEGER, last_ms INTEGER,
      PRIMARY KEY (route, operation, side, place, keyword))`);
    sql.exec("CREATE INDEX IF NOT EXISTS drift_last ON drift (last_ms)");
  }

  /** @param series of one report that was not counted before */
  add(series: readonly SeriesCounts[], nowMs: number): void {
    const found = series.filter(({ kind }) => kind === "drift");
    if (found.length === 0) return;
    for (const { labels, counts } of found) {
      const [route = "", operation = "", side = "", place = "", keyword = ""] = labels;
      this.#sql.exec(
        `INSERT INTO drift VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (route, operation, side, place, keyword)
        DO UPDATE SET requests = requests + excluded.requests, last_ms = excluded.last_ms`,
        ...[route, operation, side, place, keyword, counts.requests ?? 0, nowMs, nowMs],
      );
    }
    this.#sql.exec("DELETE FROM drift WHERE last_ms < ?", nowMs - bounds.placesKeptMs);
    this.#sql.exec(
      "DELETE FROM drift WHERE rowid IN (SELECT rowid FROM drift ORDER BY last_ms DESC LIMIT -1 OFFSET ?)",
      bounds.placesMax,
    );
  }

  /** What was found last comes first. */
  list(): Drift[] {
    const rows = this.#sql.exec<DriftRow>(
      "SELECT * FROM drift ORDER BY last_ms DESC, route, operation, side, place, keyword",
    );
    return rows.toArray().map(({ first_ms: firstAtMs, last_ms: lastAtMs, ...found }) => ({
      ...found,
      side: found.side === "response" ? "response" : "request",
      firstAtMs,
      lastAtMs,
    }));
  }
}
