import type { ErrorCode } from "../errors.ts";
import { jsonText } from "./json-text.ts";

/** A policy in shadow would have refused a request. */
export interface WouldRefuse {
  readonly policy: ShadowPolicy;
  readonly error: ErrorCode;
  /** Name of the limit, where one would have. */
  readonly limit?: string;
  /** Why, for operators; of `auth` and `decision`. */
  readonly reason?: string;
}

/** What can be in shadow. */
export type ShadowPolicy =
  | "access"
  | "answer"
  | "auth"
  | "contract"
  | "decision"
  | "graphql"
  | "idempotency"
  | "lifecycle"
  | "limit"
  | "shedding";

/** As one word, by which it is counted: `auth`, `limit:tighter`. */
export const policyName = ({ policy, limit }: Pick<WouldRefuse, "policy" | "limit">): string =>
  limit === undefined ? policy : `${policy}:${limit}`;

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
  readonly hop: "gateway" | "ingress" | "outbound" | "inbound" | "expose";
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
  /** Calling workload (inbound), called service and endpoint (outbound, ingress), or called upstream and target (gateway). */
  readonly peer?: string;
  readonly endpoint?: string;
  readonly attempts?: number;
  readonly sub?: string;
  readonly clientIp?: string;
  /** What the route's cache did; absent: the route has none. */
  readonly cache?: CacheUse;
  /** The target that the route's `traffic` chose; absent: the route's own. */
  readonly variant?: string;
  /** The fault that was injected. */
  readonly fault?: string;
  /** Set when Selvage itself made the answer: the code. */
  readonly error?: ErrorCode;
  /** Of a call by gRPC: the status that its caller was told, at the gateway of errors alone. */
  readonly grpcStatus?: number;
  /** Limits that could not count it. */
  readonly uncounted?: readonly string[];
  /** What policies in shadow would have answered. */
  readonly wouldRefuse?: readonly WouldRefuse[];
  /** Protocol of a tunnel (an upgrade, or `tcp`), which `durationMs` is the whole life of; bytes from the caller, and to it. */
  readonly protocol?: string;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** What the client was not told: why Selvage answered itself, or what it took out of a request that went on. */
  readonly reason?: string;
}

/** Of the gateway, which has no use for some members; those that an entry lacks may also be undefined. */
export type GatewayLogEntry = Pick<AccessLogEntry, Always> & {
  readonly hop: "gateway";
  readonly service: "gateway";
} & { readonly [Name in Sometimes]: AccessLogEntry[Name] | undefined };

type Sometimes =
  | "route"
  | "sub"
  | "clientIp"
  | "peer"
  | "endpoint"
  | "attempts"
  | "cache"
  | "variant"
  | "fault"
  | "error"
  | "reason"
  | "grpcStatus"
  | "uncounted";
type Tunnel = "protocol" | "bytesIn" | "bytesOut";
type Always = Exclude<keyof AccessLogEntry, Sometimes | "hop" | "service" | "wouldRefuse" | Tunnel>;

/**
 * The line of an entry: what `JSON.stringify` makes of it, for a fraction of the time. One is written for each request.
 * @param wouldRefuse known later than the rest
 */
export function gatewayLogLine(entry: GatewayLogEntry, wouldRefuse: AccessLogEntry["wouldRefuse"]): string {
  const { time, instance, traceId, spanId, method, host, path, status, durationMs, plan } = entry;
  const {
    route,
    sub,
    clientIp,
    peer,
    endpoint,
    attempts,
    cache,
    variant,
    fault,
    error,
    reason,
    grpcStatus,
    uncounted,
  } = entry;
  let line =
    `{"time":"${time}","kind":"access","hop":"gateway","service":"gateway","instance":${jsonText(instance)},` +
    `"traceId":"${traceId}","spanId":"${spanId}","method":${jsonText(method)},"host":${jsonText(host)},` +
    `"path":${jsonText(path)},"status":${status},"durationMs":${durationMs},"plan":${plan}`;
  if (route !== undefined) line += `,"route":${jsonText(route)}`;
  if (sub !== undefined) line += `,"sub":${jsonText(sub)}`;
  if (clientIp !== undefined) line += `,"clientIp":${jsonText(clientIp)}`;
  if (peer !== undefined) line += `,"peer":${jsonText(peer)}`;
  if (endpoint !== undefined) line += `,"endpoint":${jsonText(endpoint)}`;
  if (attempts !== undefined) line += `,"attempts":${attempts}`;
  if (cache !== undefined) line += `,"cache":"${cache}"`;
  if (variant !== undefined) line += `,"variant":${jsonText(variant)}`;
  if (fault !== undefined) line += `,"fault":${jsonText(fault)}`;
  if (error !== undefined) line += `,"error":"${error}"`;
  if (reason !== undefined) line += `,"reason":${jsonText(reason)}`;
  if (grpcStatus !== undefined) line += `,"grpcStatus":${grpcStatus}`;
  if (uncounted !== undefined) line += `,"uncounted":${JSON.stringify(uncounted)}`;
  if (wouldRefuse !== undefined) line += `,"wouldRefuse":${JSON.stringify(wouldRefuse)}`;
  return `${line}}`;
}
