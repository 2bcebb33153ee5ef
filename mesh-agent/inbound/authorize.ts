/** Whether the caller may make this request; the reason stays in the log. */
import { type AccessVerdict, decideFor } from "../../shared/auth/access.ts";
import { SelvageError } from "../../shared/errors.ts";
import type { Stage } from "../proxy/call.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { InboundCall } from "./inbound-call.ts";

export interface AuthorizeOptions {
  readonly log: Log;
  readonly metrics: Metrics;
}

export function authorize({ log, metrics }: AuthorizeOptions): Stage<InboundCall> {
  return (call, next) => {
    const { accessRules, scopes, claims } = call;
    if (accessRules === undefined || call.plan.plan.inbound === undefined)
      throw new SelvageError("access_denied", "the plan does not know this service");
    const { method, target: path } = call.exchange.head;
    const verdict = decideFor(accessRules, { scopes, claims, method, path });
    const { audited } = verdict;
    if (audited !== undefined) log.line(auditLine(call, verdict, audited));
    if (!verdict.allowed || verdict.shadow !== undefined)
      metrics.accessRefused(accessRules.from, verdict.allowed ? "shadow" : "enforce");
    if (!verdict.allowed) throw new SelvageError(verdict.code, verdict.reason);
    if (verdict.shadow !== undefined) {
      metrics.shadows.wouldRefuse(call.facts, { policy: "access", error: verdict.shadow.code });
      call.facts.note = `in shadow: ${verdict.shadow.reason}`;
    } else if (accessRules.inShadow) metrics.shadows.passed("access");
    next();
  };
}

function auditLine(call: InboundCall, verdict: AccessVerdict, rules: readonly number[]): object {
  const { facts, trace } = call;
  const { method, target } = call.exchange.head;
  const refusal = verdict.allowed ? verdict.shadow : verdict;
  return {
    time: new Date().toISOString(),
    kind: "audit",
    decision: verdict.allowed ? (refusal === undefined ? "allow" : "would-refuse") : "refuse",
    rules,
    from: call.from,
    method,
    path: target.replace(/\?.*$/, ""),
    plan: facts.plan,
    traceId: trace?.traceId ?? "",
    ...(facts.sub !== undefined && { sub: facts.sub }),
    ...(refusal !== undefined && { error: refusal.code, reason: refusal.reason }),
  };
}
