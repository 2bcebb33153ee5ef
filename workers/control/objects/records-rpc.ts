/** What calls ask of the store of records. Records go through as the JSON that is stored. */
import type { KeptBecause } from "../../../shared/policy/request-record.ts";
import type { RecordsReport, RecordsTaken } from "../../../shared/wire/records.ts";

/** Keeps past requests, see `record-store.ts`. */
export interface RecordsRpc extends Rpc.DurableObjectBranded {
  report(report: RecordsReport): Promise<RecordsTaken>;
  list(asked: RecordsQuestion): Promise<StoredRecords>;
  ofTrace(traceId: string, routes?: readonly string[]): Promise<StoredTrace>;
  clear(): Promise<void>;
}

export interface RecordsQuestion {
  readonly route?: string | undefined;
  readonly because?: KeptBecause | undefined;
  readonly limit: number;
  /** Those that may be seen; undefined: all. */
  readonly routes?: readonly string[] | undefined;
}

export interface StoredRecords {
  readonly records: readonly string[];
  readonly leftOut: number;
}

export interface StoredTrace {
  readonly records: readonly string[];
  readonly hops: readonly string[];
}
