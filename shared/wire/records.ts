/**
 * Records of past requests, kept in the control plane.
 *
 *   GET /v1/records?route=NAME&because=drawn&limit=N   RecordsAnswer, newest first
 *   GET /v1/records/TRACE-ID                           TraceRecord; 404: nothing of it is kept
 */
import type { AccessLogEntry } from "../http/access-log.ts";
import type { RequestRecord } from "../policy/request-record.ts";

export interface RecordsAnswer {
  readonly records: readonly RequestRecord[];
  /** Kept, but beyond the limit of the question. */
  readonly leftOut: number;
}

/** All that is kept of one trace. */
export interface TraceRecord {
  readonly traceId: string;
  /** At the gateway; empty: it kept none. */
  readonly records: readonly RequestRecord[];
  /** At agents, by time. */
  readonly hops: readonly AccessLogEntry[];
}
