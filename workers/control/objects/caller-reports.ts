import { limits } from "../../../shared/limits.ts";
import type { CallerReport } from "../../../shared/policy/caller-view.ts";
import {
  type CallerWord,
  type FleetVerdict,
  forgetCallers,
  type LastTold,
  mustTell,
  newVerdictState,
  takeCallerReport,
  textOf,
  verdictOf,
} from "../../../shared/policy/fleet-verdict.ts";
import { RowStore } from "./row-store.ts";

export interface ReportOptions {
  readonly sql: SqlStorage;
  /** Instances that callers are given now. */
  readonly known: () => ReadonlySet<string>;
  /** Tells the hubs of the callers. */
  readonly tell: (verdict: FleetVerdict) => void;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * What callers say of the endpoints of one service, and when hubs are told what follows. What callers said outlives an eviction; the
 * counts of retries begin anew.
 */
export class CallerReports {
  readonly #options: ReportOptions;
  readonly #rows: RowStore<{ readonly words: readonly CallerWord[] }>;
  readonly #state = newVerdictState();
  #last: LastTold | undefined;
  #isTelling = false;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#rows = new RowStore(options.sql, "callers");
    for (const [caller, { words }] of this.#rows.load()) this.#state.callers.set(caller, words);
  }

  take(caller: string, report: Omit<CallerReport, "service">, nowMs: number): void {
    takeCallerReport(this.#state, caller, report, nowMs, limits.fleet);
    const words = this.#state.callers.get(caller);
    this.#rows.put(caller, words && { words });
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#options.waitUntil(this.#tellSoon());
  }

  /** What comes close together is told once. */
  async #tellSoon(): Promise<void> {
    await scheduler.wait(limits.fleet.verdictGapMs);
    this.#isTelling = false;
    const nowMs = Date.now();
    for (const caller of forgetCallers(this.#state, nowMs)) this.#rows.put(caller, undefined);
    const verdict = verdictOf(this.#state, this.#options.known(), nowMs, limits.fleet);
    const text = textOf(verdict);
    if (!mustTell(text, this.#last, nowMs, limits.fleet.verdictAgainMs)) return;
    this.#last = { text, atMs: nowMs };
    this.#options.tell(verdict);
  }
}
