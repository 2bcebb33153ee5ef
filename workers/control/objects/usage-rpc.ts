/** What other objects and calls ask of a usage store. */
import type { CounterReport, SeriesCounts } from "../../../shared/policy/counters.ts";
import type { RouteExemplar } from "../../../shared/policy/route-exemplars.ts";
import type { UsageFilter, UsageGroups } from "../../../shared/policy/usage-report.ts";

/** Keeps what a part of the isolates count, see `usage-store.ts`. */
export interface UsageStoreRpc extends Rpc.DurableObjectBranded {
  /** Counts a report, unless it was counted before. */
  add(isolate: string, report: CounterReport): Promise<void>;
  read(asked: UsageRequest): Promise<UsageSums>;
  /** Everything that was counted since the object was made. */
  totals(): Promise<UsageTotals>;
}

export interface UsageTotals {
  readonly series: readonly SeriesCounts[];
  /** Those that were told since the object woke up. */
  readonly exemplars: readonly RouteExemplar[];
}

export interface UsageRequest extends UsageFilter {
  readonly windowMs: number;
  readonly atMs: number;
}

/** Sums by name of each slot in which something was counted, oldest first. */
export type UsageSums = readonly { readonly atMs: number; readonly groups: UsageGroups }[];
