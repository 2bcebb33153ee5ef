/** The outermost stage: the span of this hop, one access log line and one count for each call, however it ends. */
import { randomFillSync } from "node:crypto";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { TRACEPARENT, TRACESTATE } from "../../shared/http/header-names.ts";
import { childContext, parseTraceparent } from "../../shared/http/trace-context.ts";
import type { Call, Stage } from "../proxy/call.ts";
import type { Log } from "./log.ts";
import type { Direction, Metrics } from "./metrics.ts";

export interface AccessLogOptions {
  readonly hop: Direction;
  readonly service: string;
  readonly instance: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

const SPAN_BYTES = 24;
/** Random bytes are drawn for many spans at once: each call for them costs more than all of a span. */
const pool = Buffer.alloc(SPAN_BYTES * 128);
let used = pool.length;

function spanBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += SPAN_BYTES;
  return pool.subarray(used - SPAN_BYTES, used);
}

export function logAccess(options: AccessLogOptions): Stage {
  return (call, next) => {
    const { fields } = call.exchange.head;
    const parents = fields.getAll(TRACEPARENT);
    const parent = parents.length === 1 ? parseTraceparent(parents[0]) : undefined;
    // A new trace has no vendor state: what came without a usable parent belongs to another one (section 3.3).
    if (parent === undefined) fields.remove(TRACESTATE);
    call.trace = childContext(parent, spanBytes());
    call.onFinish(() => finish(call, options));
    next();
  };
}

function finish(call: Call, { hop, service, instance, log, metrics }: AccessLogOptions): void {
  const durationMs = performance.now() - call.arrivedAtMs;
  const { facts, exchange, status } = call;
  metrics.request(hop, facts.peer ?? facts.route ?? "unknown", status, durationMs);
  const entry: AccessLogEntry = {
    time: new Date(Date.now() - durationMs).toISOString(),
    kind: "access",
    hop,
    service,
    instance,
    traceId: call.trace?.traceId ?? "",
    spanId: call.trace?.spanId ?? "",
    method: exchange.head.method,
    host: facts.host,
    path: pathOf(exchange.head.target),
    status,
    durationMs: Math.round(durationMs * 1000) / 1000,
    plan: facts.plan,
    ...optional(facts),
  };
  log.line(entry);
}

function optional(facts: Call["facts"]): Partial<AccessLogEntry> {
  const { peer, endpoint, attempts, sub, error, wouldRefuse, note, route, clientIp, grpcStatus } = facts;
  const reason = note === undefined || facts.reason === undefined ? (note ?? facts.reason) : `${note}; ${facts.reason}`;
  return {
    ...(route !== undefined && { route }),
    ...(clientIp !== undefined && { clientIp }),
    ...(grpcStatus !== undefined && { grpcStatus }),
    ...(peer !== undefined && { peer }),
    ...(endpoint !== undefined && { endpoint }),
    ...(attempts !== undefined && { attempts }),
    ...(sub !== undefined && { sub }),
    ...(error !== undefined && { error }),
    ...(wouldRefuse !== undefined && { wouldRefuse }),
    ...(reason !== undefined && { reason }),
  };
}

/** Without scheme, authority and query. */
function pathOf(target: string): string {
  const start = target.startsWith("http://") ? target.indexOf("/", "http://".length) : 0;
  if (start < 0) return "/";
  const query = target.indexOf("?", start);
  return query < 0 ? target.slice(start) : target.slice(start, query);
}
