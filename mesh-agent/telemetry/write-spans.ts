/** The spans of one call, as bytes. Attributes are those of the semantic conventions; what they lack is named `selvage.…`. */

import { policyName } from "../../shared/http/access-log.ts";
import { keys } from "../../shared/telemetry/attribute-key.ts";
import { grpcStatusNames } from "../../shared/telemetry/grpc-status-names.ts";
import { isFailure } from "../../shared/telemetry/sampling.ts";
import { type SpanBuffer, type SpanKind, spanKind } from "../../shared/telemetry/span-buffer.ts";
import { type AttemptSpan, CANCELLED, type SpanTrace } from "../../shared/telemetry/span-trace.ts";
import type { Call } from "../proxy/call.ts";
import type { Direction } from "./metrics.ts";
import { pathOf } from "./path-of.ts";

export interface EndedCall {
  readonly call: Call;
  readonly trace: SpanTrace;
  readonly hop: Direction;
  /** Monotonic. */
  readonly endMs: number;
}

/** An application's own call is a part of what it does; its attempts are what leaves. */
const KINDS: Readonly<Record<Direction, SpanKind>> = {
  inbound: spanKind.server,
  ingress: spanKind.server,
  expose: spanKind.server,
  outbound: spanKind.internal,
};

/** @param offsetMs from monotonic milliseconds to those since 1970 */
export function writeSpans(out: SpanBuffer, ended: EndedCall, offsetMs: number): void {
  writeHop(out, ended, offsetMs);
  for (const attempt of ended.trace.attempts) writeAttempt(out, ended, attempt, offsetMs);
}

function writeHop(out: SpanBuffer, { call, trace, hop, endMs }: EndedCall, offsetMs: number): void {
  const { facts, status, exchange, byGrpc, upgrade } = call;
  const { method, target, fields } = exchange.head;
  const path = pathOf(target);
  const head = { kind: KINDS[hop], parentId: trace.parentId, startMs: call.arrivedAtMs + offsetMs };
  const name = byGrpc ? path.slice(1) : nameOf(method, hop === "outbound" ? facts.peer : facts.route);
  out.begin(trace, { ...head, name, endMs: endMs + offsetMs });
  out.text(keys.hop, hop);
  if (facts.tunnel !== undefined && upgrade === undefined) out.text(keys.protocolName, facts.tunnel.protocol);
  else writeRequest(out, call, path);
  if (status !== 0) out.number(keys.status, status);
  out.text(keys.serverAddress, facts.host === "" ? undefined : withoutPort(facts.host));
  out.text(keys.peer, facts.peer);
  out.text(keys.route, facts.route);
  out.number(keys.planVersion, facts.plan);
  out.text(keys.userAgent, hop === "outbound" ? undefined : fields.get("user-agent"));
  out.number(keys.attempts, facts.attempts);
  out.number(keys.bytesIn, facts.tunnel?.in);
  out.number(keys.bytesOut, facts.tunnel?.out);
  out.text(keys.kept, trace.isHead ? undefined : trace.keptBy);
  if (trace.events !== undefined)
    for (const { name, atMs, detail } of trace.events) out.event(name, atMs + offsetMs, keys.detail, detail);
  for (const one of facts.wouldRefuse ?? [])
    out.event("selvage.would_refuse", endMs + offsetMs, keys.detail, `${policyName(one)} ${one.error}`);
  writeOutcome(out, call);
  out.end();
}

function writeRequest(out: SpanBuffer, call: Call, path: string): void {
  out.text(keys.method, call.exchange.head.method);
  out.text(keys.path, path);
  if (!call.byGrpc) return;
  out.text(keys.rpcSystem, "grpc");
  out.text(keys.rpcMethod, path.slice(1));
  out.text(keys.rpcStatus, statusName(call.facts.grpcStatus));
}

/** What failed at the server's is an error of a server's span; what it refuses is an answer like any other. */
function writeOutcome(out: SpanBuffer, call: Call): void {
  const { facts, status } = call;
  const { error, reason, grpcStatus, tunnel } = facts;
  const failed = hasFailed(call);
  const isLeft = status === 0 && tunnel === undefined;
  out.text(keys.errorType, error ?? (failed || isLeft ? typeOf(status, grpcStatus) : undefined));
  if (failed) out.fail(reason);
}

/** A caller that left is no failure, nor is what a tunnel was closed with. */
export function hasFailed({ facts, status }: Call): boolean {
  const { error, grpcStatus, tunnel } = facts;
  if (tunnel !== undefined || status === 0) return error !== undefined;
  return isFailure(status, grpcStatus);
}

function typeOf(status: number, grpcStatus: number | undefined): string {
  return statusName(grpcStatus) ?? (status === 0 ? CANCELLED : String(status));
}

const statusName = (status: number | undefined): string | undefined =>
  status === undefined ? undefined : grpcStatusNames[status];

/** @param target of few values, such as a route or a service; undefined: nobody knows one */
const nameOf = (method: string, target: string | undefined): string =>
  target === undefined ? method : `${method} ${target}`;

const withoutPort = (host: string): string => host.replace(/:\d{1,5}$/, "");

function writeAttempt(out: SpanBuffer, { call, trace, endMs }: EndedCall, one: AttemptSpan, offsetMs: number): void {
  const { method, target } = call.exchange.head;
  const path = pathOf(target);
  const name = call.byGrpc ? path.slice(1) : nameOf(method, one.to.peer);
  const times = { startMs: one.startMs + offsetMs, endMs: (one.endMs ?? endMs) + offsetMs };
  out.begin(
    { traceId: one.traceId, spanId: one.spanId, flags: trace.flags },
    { name, kind: spanKind.client, parentId: trace.spanId, ...times },
  );
  const grpcStatus = one.grpcStatus ?? (one.endMs === undefined ? call.facts.grpcStatus : undefined);
  out.text(keys.method, method);
  if (call.byGrpc) {
    out.text(keys.rpcSystem, "grpc");
    out.text(keys.rpcMethod, path.slice(1));
    out.text(keys.rpcStatus, statusName(grpcStatus));
  }
  out.text(keys.path, path);
  if (one.status !== 0) out.number(keys.status, one.status);
  out.text(keys.serverAddress, one.to.address);
  out.number(keys.serverPort, one.to.port);
  out.text(keys.peer, one.to.peer);
  out.text(keys.endpoint, one.to.endpoint);
  if (one.to.resend > 0) out.number(keys.resend, one.to.resend);
  if (one.to.isHedge) out.flag(keys.hedge);
  if (one.ejectedForMs !== undefined)
    out.event("selvage.ejected", times.endMs, keys.detail, `for ${one.ejectedForMs} ms`);
  const isError = one.error !== undefined || one.status >= 400 || (grpcStatus ?? 0) !== 0;
  if (isError) {
    out.text(keys.errorType, one.error ?? typeOf(one.status, grpcStatus));
    out.fail(one.reason);
  }
  out.end();
}
