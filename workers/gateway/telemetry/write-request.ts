/** The spans of one request, as bytes. Attributes are those of the semantic conventions; what they lack is named `selvage.…`. */

import { policyName } from "../../../shared/http/access-log.ts";
import { keys } from "../../../shared/telemetry/attribute-key.ts";
import { isFailure } from "../../../shared/telemetry/sampling.ts";
import type { TracesSettings } from "../../../shared/telemetry/settings.ts";
import { type SpanBuffer, spanKind } from "../../../shared/telemetry/span-buffer.ts";
import type { AttemptSpan, SpanTrace } from "../../../shared/telemetry/span-trace.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Stages that a request did not get to have left nothing. */
type Left = Partial<GatewayEnv["Variables"]>;

export function writeRequest(
  out: SpanBuffer,
  c: Context<GatewayEnv>,
  trace: SpanTrace,
  nowMs: number,
  settings: TracesSettings,
): void {
  const route: Left["route"] = c.get("route");
  const path = route?.match.path.text;
  const name = path === undefined ? c.get("method") : `${c.get("method")} ${path}`;
  out.begin(trace, {
    ...{ name, kind: spanKind.server, parentId: trace.parentId },
    ...{ startMs: c.get("arrivedAtMs"), endMs: nowMs },
  });
  writeHead(out, c, settings);
  out.text(keys.httpRoute, path);
  out.text(keys.route, route?.name);
  writePolicies(out, c);
  out.text(keys.kept, trace.isHead ? undefined : trace.keptBy);
  writeOutcome(out, c, nowMs);
  out.end();
  for (const { name, spanId, startMs, endMs } of trace.inner ?? []) {
    // Nothing was waited for.
    if (endMs === startMs) continue;
    const { traceId, flags } = trace;
    out.begin({ traceId, spanId, flags }, { name, kind: spanKind.internal, parentId: trace.spanId, startMs, endMs });
    out.end();
  }
  for (const attempt of trace.attempts) writeAttempt(out, trace, attempt, nowMs);
}

function writeHead(out: SpanBuffer, c: Context<GatewayEnv>, { clientAddress }: TracesSettings): void {
  const target: Left["target"] = c.get("target");
  const head: Left["head"] = c.get("head");
  out.text(keys.hop, "gateway");
  out.text(keys.method, c.get("method"));
  out.text(keys.path, target?.path);
  out.text(keys.scheme, c.get("scheme"));
  out.text(keys.serverAddress, target?.host);
  out.text(keys.userAgent, head?.get("user-agent"));
  out.text(keys.protocolVersion, protocolOf(c.req.raw));
  if (clientAddress === true) out.text(keys.clientAddress, c.get("clientIp"));
  out.number(keys.status, c.res.status);
}

/** `1.1`, `2` or `3`; undefined: the platform does not say. */
function protocolOf({ cf }: Request): string | undefined {
  const said = cf?.httpProtocol;
  return typeof said === "string" ? /^HTTP\/(\d(?:\.\d)?)$/.exec(said)?.[1] : undefined;
}

/** What policies made of it. */
function writePolicies(out: SpanBuffer, c: Context<GatewayEnv>): void {
  const held: Left["held"] = c.get("held");
  const identity: Left["identity"] = c.get("identity");
  out.number(keys.planVersion, held?.version);
  out.text(keys.auth, identity?.method);
  out.text(keys.cache, c.get("cacheUse"));
  out.text(keys.variant, c.get("variant")?.name);
  const called = c.get("called");
  out.text(keys.upstream, called?.upstream);
  out.number(keys.attempts, called?.attempts);
}

/** What failed at the server's is an error of a server's span; what it refuses is an answer like any other. */
function writeOutcome(out: SpanBuffer, c: Context<GatewayEnv>, nowMs: number): void {
  const { status } = c.res;
  const fault = c.get("fault");
  if (fault !== undefined) out.event("selvage.fault", nowMs, keys.detail, fault);
  for (const one of c.get("wouldRefuse") ?? [])
    out.event("selvage.would_refuse", nowMs, keys.detail, `${policyName(one)} ${one.error}`);
  for (const limit of c.get("uncounted") ?? []) out.event("selvage.uncounted", nowMs, keys.detail, limit);
  if (c.get("replayed") === true) out.event("selvage.replayed", nowMs);
  const failure = c.get("failure");
  const failed = isFailure(status, c.get("grpcStatus"));
  out.text(keys.errorType, failure?.code ?? (failed ? String(status) : undefined));
  if (failed) out.fail(failure?.reason);
}

function writeAttempt(out: SpanBuffer, trace: SpanTrace, one: AttemptSpan, nowMs: number): void {
  const { traceId, spanId, startMs, to, status } = one;
  const method = to.method ?? "GET";
  const { address = to.peer, port } = to.origin === undefined ? to : addressOf(to.origin);
  const peer = to.peer === to.origin ? address : to.peer;
  out.begin(
    { traceId, spanId, flags: trace.flags },
    {
      ...{ name: `${method} ${peer}`, kind: spanKind.client, parentId: trace.spanId },
      ...{ startMs, endMs: one.endMs ?? nowMs },
    },
  );
  out.text(keys.method, method);
  out.text(keys.path, to.path?.replace(/\?.*$/s, ""));
  if (status !== 0) out.number(keys.status, status);
  out.text(keys.serverAddress, address);
  out.number(keys.serverPort, port);
  out.text(keys.peer, peer);
  out.text(keys.endpoint, to.endpoint);
  out.text(keys.part, to.part);
  if (to.resend > 0) out.number(keys.resend, to.resend);
  if (to.isHedge) out.flag(keys.hedge);
  const { ejectedForMs } = to.fate ?? {};
  if (ejectedForMs !== undefined)
    out.event("selvage.ejected", one.endMs ?? nowMs, keys.detail, `for ${ejectedForMs} ms`);
  if (one.error !== undefined || status >= 400) {
    out.text(keys.errorType, one.error ?? String(status));
    out.fail(one.reason);
  }
  out.end();
}

function addressOf(origin: string): { readonly address: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(origin);
  return { address: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

/** Where the platform traces by itself, its span of the request gets what joins it with ours, and what ours knows more. */
export function tellPlatform(c: Context<GatewayEnv>, { traceId, spanId }: SpanTrace): void {
  const { tracing } = c.executionCtx as Partial<Pick<ExecutionContext, "tracing">>;
  const span = tracing?.getActiveSpan?.();
  if (span === undefined || !span.isTraced) return;
  const route: Left["route"] = c.get("route");
  const held: Left["held"] = c.get("held");
  span.setAttributes?.({
    "selvage.trace_id": traceId,
    "selvage.span_id": spanId,
    "selvage.route": route?.name,
    "selvage.plan.version": held?.version,
    "error.type": c.get("failure")?.code,
  });
}
