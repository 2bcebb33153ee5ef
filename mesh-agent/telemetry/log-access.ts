/** The outermost stage: the span of this hop, one access log line and one count for each call, however it ends. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { grpcCode, grpcStatusOfHttp } from "../../shared/http/grpc-call.ts";
import { TRACEPARENT, TRACESTATE } from "../../shared/http/header-names.ts";
import { childContextOf, parseTraceparent, SPAN_DIGITS, type TraceContext } from "../../shared/http/trace-context.ts";
import { isExplained, passedTracestate, withoutOwnState } from "../../shared/http/trace-state.ts";
import type { TapDetail } from "../../shared/policy/tap-entry.ts";
import type { Call, Stage } from "../proxy/call.ts";
import { accessLines, type HopNames, type LineFacts } from "./access-line.ts";
import type { AgentRecords } from "./agent-records.ts";
import type { AgentTaps } from "./agent-taps.ts";
import type { EdgeCounts } from "./edge-counts.ts";
import type { LineBytes } from "./line-bytes.ts";
import type { Log } from "./log.ts";
import type { LogExporter } from "./log-exporter.ts";
import type { Direction, Metrics } from "./metrics.ts";
import { pathOf } from "./path-of.ts";
import { randomDigits } from "./random-digits.ts";
import type { Tracer } from "./tracer.ts";

export interface AccessLogOptions {
  readonly hop: Direction;
  readonly service: string;
  readonly instance: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Absent: calls are not counted by edge. */
  readonly edges?: EdgeCounts;
  /** Its `tracer` and `logs` are undefined while nothing is told. */
  readonly tracing: { readonly tracer: Tracer | undefined; readonly logs?: LogExporter | undefined };
  /** Absent: nobody can tap. */
  readonly taps?: AgentTaps;
  /** Absent: nothing is kept. */
  readonly records?: AgentRecords;
  /** Which requests get a line. */
  readonly chosen: ChosenLines;
}

export interface ChosenLines {
  /** Of those that went well; the same traces at every hop. 1: all. */
  readonly share: number;
  /** Whether those that failed get one: no answer, or one of 500 and above, or one that the agent made. */
  readonly failures: boolean;
}

export function logAccess(options: AccessLogOptions): Stage {
  const lineOf = accessLines(options);
  return (call, next) => {
    const { fields } = call.exchange.head;
    const parent = fields.has(TRACEPARENT) ? parentOf(fields) : undefined;
    const isAsked = passState(fields, parent !== undefined, options.hop === "expose");
    const { tracer } = options.tracing;
    if (tracer === undefined) call.trace = childContextOf(parent, randomDigits(SPAN_DIGITS));
    else tracer.begin(call, options.hop, parent);
    call.onRespond(() => {
      const { peer, tunnel } = call.facts;
      if (tunnel === undefined) return;
      options.metrics.tunnels.opened(options.hop, peer ?? "unknown", tunnel);
      options.edges?.opened(options.hop, call);
    });
    options.metrics.inFlight[options.hop]++;
    call.onFinish(() => finish(call, options, lineOf, tracer, isAsked));
    next();
  };
}

/**
 * A new trace has no vendor state: what came without a usable parent belongs to another one (section 3.3).
 * @param isOutside it comes from a client, who says nothing that the gateway alone may say
 * @returns whether the gateway says in it that an operator asks about the request
 */
function passState(fields: FieldList, hasParent: boolean, isOutside: boolean): boolean {
  if (!fields.has(TRACESTATE)) return false;
  const read = hasParent ? passedTracestate(fields.getAll(TRACESTATE).join()) : "";
  const passed = isOutside ? withoutOwnState(read) : read;
  if (passed === "") fields.remove(TRACESTATE);
  else fields.set(TRACESTATE, passed);
  return isExplained(passed);
}

function parentOf(fields: FieldList): TraceContext | undefined {
  const parents = fields.getAll(TRACEPARENT);
  return parents.length === 1 ? parseTraceparent(parents[0]) : undefined;
}

function finish(
  call: Call,
  { hop, service, instance, log, metrics, edges, chosen, taps, records, tracing }: AccessLogOptions,
  lineOf: (atMs: number, facts: LineFacts) => LineBytes,
  tracer: Tracer | undefined,
  isAsked: boolean,
): void {
  const durationMs = performance.now() - call.arrivedAtMs;
  metrics.inFlight[hop]--;
  const { route = "unknown", peer = route, tunnel, reason } = call.facts;
  if (call.byGrpc) {
    call.facts.grpcStatus ??= untoldStatus(call);
    metrics.grpc(hop, peer, call.facts.grpcStatus);
  }
  // It decides what is kept, also for who comes after it.
  tracer?.end(call, hop, durationMs);
  const { spans } = call;
  if (tunnel === undefined)
    metrics.request(hop, peer, call.status, durationMs, spans?.isKept === true ? spans : undefined);
  else metrics.tunnels.closed(hop, peer, tunnel, reason === undefined);
  edges?.ended(hop, call, durationMs);
  const entry = (): AccessLogEntry => entryOf(call, { hop, service, instance }, durationMs);
  if (taps?.isOn === true) taps.see(entry(), () => detailOf(call));
  if (isAsked || isFailure(call)) records?.see(call.trace?.traceId ?? "", isAsked, entry);
  tracing.logs?.request(call, durationMs, entry);
  if (isChosen(call, chosen)) log.bytes(lineOf(Date.now() - durationMs, factsOf(call, durationMs)));
}

/** How a call by gRPC ended of which nobody said it: by the HTTP status of an answer that is none of gRPC, else its caller left. */
function untoldStatus({ status }: Call): number {
  return status >= 300 ? grpcStatusOfHttp(status) : grpcCode.cancelled;
}

/** No answer, or one of 500 and above, or one that the agent made. */
const isFailure = ({ facts, status }: Call): boolean => status === 0 || status >= 500 || facts.error !== undefined;

function isChosen(call: Call, { share, failures }: ChosenLines): boolean {
  if (isFailure(call)) return failures;
  if (share >= 1) return true;
  return share > 0 && Number.parseInt(call.trace?.traceId.slice(-8) ?? "0", 16) < share * 2 ** 32;
}

/** The same that a line says, for taps. */
function entryOf(call: Call, names: HopNames, durationMs: number): AccessLogEntry {
  const { tunnel, ...facts } = factsOf(call, durationMs);
  const through = tunnel && { protocol: tunnel.protocol, bytesIn: tunnel.in, bytesOut: tunnel.out };
  const time = new Date(Date.now() - durationMs).toISOString();
  // What is not known is undefined here, and absent once it is sent.
  return { time, kind: "access", ...names, ...facts, ...through } as AccessLogEntry;
}

function detailOf({ exchange: { head } }: Call): TapDetail {
  const at = head.target.indexOf("?");
  return { query: at < 0 ? "" : head.target.slice(at + 1), headers: head.fields };
}

function factsOf({ exchange, facts, status, trace }: Call, durationMs: number): LineFacts {
  const { host, plan, peer, endpoint, attempts, sub, error, wouldRefuse, note, tunnel, route, clientIp, grpcStatus } =
    facts;
  const reason = note === undefined || facts.reason === undefined ? (note ?? facts.reason) : `${note}; ${facts.reason}`;
  return {
    traceId: trace?.traceId ?? "",
    spanId: trace?.spanId ?? "",
    method: exchange.head.method,
    host,
    path: pathOf(exchange.head.target),
    status,
    durationMs,
    plan,
    peer,
    endpoint,
    attempts,
    sub,
    error,
    wouldRefuse,
    tunnel,
    route,
    clientIp,
    grpcStatus,
    reason,
  };
}
