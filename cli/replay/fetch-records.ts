/** Records of past requests from the control plane: of all routes, as far as one run replays them. */
import { records as bounds } from "../../shared/limits/records.ts";
import { replays } from "../../shared/limits/replay.ts";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import type { ControlClient } from "../control-client.ts";
import { say } from "../output.ts";

export interface FoundRecords {
  /** Oldest first. */
  readonly records: readonly RequestRecord[];
  /** Kept, and not among these. */
  readonly leftOut: number;
}

/** @param routes names of those that there are */
export async function fetchRecords(
  client: Pick<ControlClient, "records">,
  routes: readonly string[],
): Promise<FoundRecords> {
  const limit = String(bounds.answerMax);
  const { records, leftOut } = await client.records({ limit });
  if (leftOut === 0) return { records: inOrder(records), leftOut };
  const found = new Map<string, RequestRecord>();
  const add = (some: readonly RequestRecord[]): void => {
    for (const one of some) if (found.size < replays.recordsMax) found.set(keyOf(one), one);
  };
  // A route at a time, so that busy ones do not take the place of others.
  let missing = 0;
  let toldMs = Date.now();
  for (const [at, route] of routes.entries()) {
    if (found.size >= replays.recordsMax) break;
    const page = await client.records({ route, limit });
    add(page.records);
    missing += page.leftOut;
    if (Date.now() - toldMs < replays.tellEveryMs) continue;
    toldMs = Date.now();
    say(`records of ${at + 1} of ${routes.length} routes`);
  }
  // Of no route, or of one that is gone.
  add(records);
  return { records: inOrder([...found.values()]), leftOut: missing };
}

const keyOf = ({ entry: { traceId, spanId } }: RequestRecord): string => `${traceId} ${spanId}`;

/** Oldest first. */
export function inOrder(records: readonly RequestRecord[]): RequestRecord[] {
  return records.toSorted((one, other) => Date.parse(one.entry.time) - Date.parse(other.entry.time));
}
