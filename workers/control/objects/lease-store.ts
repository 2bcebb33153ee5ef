import { limits } from "../../../shared/limits.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import { type Lease, liveLeases, renewedLease } from "../../../shared/policy/lease.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { VersionRow } from "./version-store.ts";

interface LeaseRow extends Record<string, SqlStorageValue> {
  isolate: string;
  state: string;
  expires_at: number;
}

/** Gateway leases in SQLite, one row an isolate. */
export class LeaseStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS leases (isolate TEXT PRIMARY KEY, state TEXT, expires_at INTEGER)");
    sql.exec("CREATE INDEX IF NOT EXISTS leases_by_end ON leases (expires_at)");
  }

  /** Stores a lease, drops those that have ended, and beyond the bound those that end first. */
  put(lease: Lease, nowMs: number): void {
    this.#sql.exec(
      "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (isolate) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at",
      lease.isolate,
      JSON.stringify(lease),
      lease.expiresAtMs,
    );
    this.#sql.exec("DELETE FROM leases WHERE expires_at <= ?", nowMs);
    this.#sql.exec(
      "DELETE FROM leases WHERE isolate IN (SELECT isolate FROM leases ORDER BY expires_at DESC LIMIT -1 OFFSET ?)",
      limits.control.gatewayLeasesMax,
    );
  }

  live(nowMs: number): Lease[] {
    const rows = this.#sql.exec<LeaseRow>("SELECT * FROM leases ORDER BY isolate").toArray();
    return liveLeases(
      rows.map((row) => JSON.parse(row.state) as Lease),
      nowMs,
    );
  }
}

/** The lease that an isolate asks for, with versions as this store counts them. @param row of the live one */
export function leaseHere(asked: LeaseRequest, row: VersionRow | undefined, nowMs: number, leaseMs: number): Lease {
  const settings = { leaseMs, slackMs: limits.control.gatewayLeaseSlackMs };
  const { isolate, version, hash, refused, signingKey, hopKey, canary, missingSecrets } = asked;
  const live = { version: row?.version ?? 0, hash: row?.gateway_hash };
  const isHere = refused !== undefined && versionHere(refused, live) === refused.version;
  const held = { isolate, version: versionHere({ version, hash }, live), signingKey, hopKey, canary, missingSecrets };
  return renewedLease({ ...held, refused: isHere ? refused : undefined }, nowMs, settings);
}
