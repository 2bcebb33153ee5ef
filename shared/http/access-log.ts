import type { ErrorCode } from "../errors.ts";

/** A policy in shadow would have refused a request. */
export interface WouldRefuse {
  readonly error: ErrorCode;
  /** Name of the limit, where one would have. */
  readonly limit?: string;
}

/**
 * hit: from what is stored, fresh; stale: from it, stale, and asked for again beside; revalidated: from it, the upstream confirmed
 * it; error: from it, since the upstream failed; collapsed: a hit after a wait for an equal request; miss: the upstream's answer,
 * stored; pass: the upstream's answer, not stored.
 */
export type CacheUse = "hit" | "stale" | "revalidated" | "error" | "collapsed" | "miss" | "pass";

/** One request at one hop, one JSON line on stdout. The same members everywhere, so that a trace id finds all hops. */
export interface AccessLogEntry {
  /** RFC 3339 in UTC, when the request arrived. */
  readonly time: string;
  readonly kind: "access";
  readonly hop: "gateway" | "ingress" | "outbound" | "inbound";
  /** Own service and instance; at the gateway its name and the isolate. */
  readonly service: string;
  readonly instance: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly method: string;
  readonly host: string;
  /** Path without query: queries may hold secrets. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  /** Version of the plan that decided. */
  readonly plan: number;
  readonly route?: string;
  /** Calling workload (inbound) or called service and endpoint (outbound, ingress). */
  readonly peer?: string;
  readonly endpoint?: string;
  readonly attempts?: number;
  readonly sub?: string;
  readonly clientIp?: string;
  /** What the route's cache did; absent: the route has none. */
  readonly cache?: CacheUse;
  /** Set when Selvage itself made the answer: the code. */
  readonly error?: ErrorCode;
  /** The status that a caller by gRPC was told with it. */
  readonly grpcStatus?: number;
  /** Limits that could not count it. */
  readonly uncounted?: readonly string[];
  /** What policies in shadow would have answered. */
  readonly wouldRefuse?: readonly WouldRefuse[];
  /** What the client was not told: why Selvage answered itself, or what it took out of a request that went on. */
  readonly reason?: string;
}
