import { limits } from "../../../shared/limits.ts";
import type { CounterKind, SeriesCounts } from "../../../shared/policy/counters.ts";

export interface Sightings<Label extends string> {
  /** Its table, and the counted kind whose labels and `requests` it keeps. */
  readonly table: string;
  readonly kind: CounterKind;
  /** Columns, in the order of the kind's labels. */
  readonly labels: readonly Label[];
  readonly keptMs: number;
  readonly rowsMax: number;
}

/** Who still calls deprecated routes. */
export const CALLERS = {
  table: "deprecated_callers",
  kind: "deprecated",
  labels: ["route", "caller"],
  keptMs: limits.lifeCycle.callersKeptMs,
  rowsMax: limits.lifeCycle.callersMax,
} as const satisfies Sightings<string>;
/** Where requests and answers broke their contract. */
export const DRIFT = {
  table: "drift",
  kind: "drift",
  labels: ["route", "operation", "side", "place", "keyword"],
  keptMs: limits.validation.placesKeptMs,
  rowsMax: limits.validation.placesMax,
} as const satisfies Sightings<string>;

export type LabelOf<Kept extends Sightings<string>> = Kept["labels"][number];

export type Sighting<Label extends string> = Readonly<Record<Label, string>> & {
  readonly requests: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
};

type Row = Record<string, string | number>;

/** What isolates report again and again, in SQLite: a row for each set of labels, how often, since when, and when last. The oldest go first. */
export class SightingStore<Label extends string> {
  readonly #sql: SqlStorage;
  readonly #settings: Sightings<Label>;

  constructor(sql: SqlStorage, settings: Sightings<Label>) {
    this.#sql = sql;
    this.#settings = settings;
    const { table, labels } = settings;
    sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (
      ${labels.map((label) => `${label} TEXT`).join(", ")}, requests INTEGER, first_ms INTEGER, last_ms INTEGER,
      PRIMARY KEY (${labels.join(", ")}))`);
    sql.exec(`CREATE INDEX IF NOT EXISTS ${table}_last ON ${table} (last_ms)`);
  }

  /** @param series of one report that was not counted before */
  add(series: readonly SeriesCounts[], nowMs: number): void {
    const { table, kind, labels, keptMs, rowsMax } = this.#settings;
    const found = series.filter((one) => one.kind === kind);
    if (found.length === 0) return;
    for (const one of found)
      this.#sql.exec(
        `INSERT INTO ${table} VALUES (${labels.map(() => "?").join(", ")}, ?, ?, ?) ON CONFLICT (${labels.join(", ")})
        DO UPDATE SET requests = requests + excluded.requests, last_ms = excluded.last_ms`,
        ...labels.map((_, at) => one.labels[at] ?? ""),
        ...[one.counts.requests ?? 0, nowMs, nowMs],
      );
    this.#sql.exec(`DELETE FROM ${table} WHERE last_ms < ?`, nowMs - keptMs);
    this.#sql.exec(
      `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} ORDER BY last_ms DESC LIMIT -1 OFFSET ?)`,
      rowsMax,
    );
  }

  /** What was seen last comes first. */
  list(): Sighting<Label>[] {
    const { table, labels } = this.#settings;
    const rows = this.#sql.exec<Row>(`SELECT * FROM ${table} ORDER BY last_ms DESC, ${labels.join(", ")}`).toArray();
    return rows.map(({ first_ms: firstAtMs, last_ms: lastAtMs, ...seen }) => ({
      ...(seen as Record<Label, string> & { requests: number }),
      firstAtMs: firstAtMs as number,
      lastAtMs: lastAtMs as number,
    }));
  }
}
