import { decideAccess } from "../auth/access.ts";
import type { Path } from "../config/problem.ts";
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { type Routed, routedRequest } from "./explain-traffic.ts";
import type { ServicePlan } from "./plan.ts";

/** Whether the service lets the gateway make the request. */
export function explainAccess(service: ServicePlan, name: string, at: Path, request: Routed): ExplainStep[] {
  const asked = routedRequest(request);
  const { method, path, scopes, claims } = asked;
  const verdict = decideAccess(service.access, { from: GATEWAY_SERVICE, scopes, claims, method, path });
  const list = [...at, "access"];
  const rules = service.access ?? [];
  const audited = (verdict.audited ?? []).map((index) =>
    step("access", "note", "this decision is a line of the agent's log (`audit`)", [...list, index]),
  );
  if (!verdict.allowed) {
    const text = `${name} refuses ${GATEWAY_SERVICE}: ${verdict.reason}`;
    return [step("access", "deny", text, list, verdict.code), ...audited];
  }
  if (verdict.shadow !== undefined) {
    const text = `${name} would refuse ${GATEWAY_SERVICE}, but only in shadow: ${verdict.shadow.reason}`;
    return [step("access", "would-deny", text, list, verdict.shadow.code), ...audited];
  }
  if (verdict.rule < 0) return [step("access", "pass", `${name} has no list: every workload may call it`, at)];
  const rule = rules[verdict.rule];
  const needs = [...(rule?.scopes ?? []), ...Object.keys(rule?.claims ?? {}).map((claim) => `claim ${claim}`)];
  const why = needs.length === 0 ? "no scope needed" : `user has ${needs.join(" ")}`;
  return [
    step("access", "pass", `${name} lets ${GATEWAY_SERVICE} ${method} (${why})`, [...list, verdict.rule]),
    ...audited,
  ];
}
