/** What the plan says of records of past requests; nothing of it: as usual. */
import { records } from "../limits/records.ts";

export interface RecordSettings {
  /** Drawn requests of each route that are kept. */
  readonly perRoute: number;
  readonly keepMs: number;
  /** Names in lower case whose values are hidden beside those that may carry a credential. */
  readonly hide?: HiddenNames;
}

export type HiddenNames = { readonly [Of in "headers" | "query" | "claims"]?: readonly string[] };

export const USUAL_RECORDS: RecordSettings = { perRoute: records.perRoute, keepMs: records.keepMs };

/** @returns undefined: nothing is kept */
export function recordsOf(
  telemetry: { readonly records?: RecordSettings | "off" } | undefined,
): RecordSettings | undefined {
  const told = telemetry?.records ?? USUAL_RECORDS;
  return told === "off" ? undefined : told;
}
