import type { CounterReport, SeriesCounts } from "../../../shared/policy/counters.ts";
import type { DeprecatedCaller, Drift } from "../../../shared/wire/admin.ts";
import { CounterStore } from "./counter-store.ts";
import { CALLERS, DRIFT, type LabelOf, SightingStore } from "./sighting-store.ts";

/** What isolates and agents say that they counted: the sums of the last minutes, and what of it is kept for longer. */
export class CountedReports {
  readonly #counters: CounterStore;
  readonly #callers: SightingStore<LabelOf<typeof CALLERS>>;
  readonly #drift: SightingStore<LabelOf<typeof DRIFT>>;

  constructor(sql: SqlStorage) {
    this.#counters = new CounterStore(sql);
    this.#callers = new SightingStore(sql, CALLERS);
    this.#drift = new SightingStore(sql, DRIFT);
  }

  /** @param who numbers its reports. @returns whether this one was not counted before */
  add(who: string, report: CounterReport, nowMs: number): boolean {
    if (!this.#counters.add(who, report, nowMs)) return false;
    this.#callers.add(report.series, nowMs);
    this.#drift.add(report.series, nowMs);
    return true;
  }

  sums(nowMs: number): SeriesCounts[] {
    return this.#counters.sums(nowMs);
  }

  callers(): DeprecatedCaller[] {
    return this.#callers.list();
  }

  drift(): Drift[] {
    return this.#drift.list().map((found) => ({ ...found, side: found.side === "response" ? "response" : "request" }));
  }
}
