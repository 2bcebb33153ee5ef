/** What answers of DNS say of endpoints: addresses (RFC 1035, RFC 3596) and services (RFC 2782). */
import { limits } from "../limits.ts";
import type { NamedEndpoint } from "./admit.ts";

/** A record of SRV, with the addresses of its target. */
export interface SrvRecord {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Label that says an endpoint's share, where the service's `balance` names no other. */
export const WEIGHT_LABEL = "weight";

/**
 * The records that are to be used: those of the lowest priority. One target `.` alone says that there is no such service.
 * Others are for when these are down, which nobody can say but who calls them.
 */
export function usedRecords(records: readonly SrvRecord[]): readonly SrvRecord[] {
  const real = records.filter(({ target }) => target !== "" && target !== ".");
  const lowest = Math.min(...real.map(({ priority }) => priority));
  return real.filter(({ priority }) => priority === lowest).slice(0, limits.discovery.srvTargetsMax);
}

/** @param addresses by target */
export function endpointsOfSrv(
  records: readonly SrvRecord[],
  addresses: ReadonlyMap<string, readonly string[]>,
): NamedEndpoint[] {
  return records.flatMap(({ target, port, weight }) =>
    (addresses.get(target) ?? []).map((host) => ({
      host,
      port,
      // A weight of 0 is a small share beside others, and the same as the others' where all have it.
      labels: { [WEIGHT_LABEL]: String(Math.max(1, weight)) },
    })),
  );
}

/**
 * When to ask again, in milliseconds: by the shortest time to live, but within bounds.
 * @param ttlsSeconds of the records; none: nobody said
 */
export function dnsPauseMs(ttlsSeconds: readonly number[], everyMs: number): number {
  const shortest = Math.min(...ttlsSeconds.filter((ttl) => ttl >= 0)) * 1_000;
  return Math.min(everyMs, Math.max(limits.discovery.everyMsMin, shortest));
}
