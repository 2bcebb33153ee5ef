/** Records of past requests as a gateway keeps them: of requests that are drawn, and of how `explain` says that they end. */

import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { CREDENTIAL_FIELDS } from "../../shared/http/credential-fields.ts";
import type { IdentityMethod } from "../../shared/identity/identity.ts";
import { explainBy, type PreparedPlan } from "../../shared/plan/explain.ts";
import type { Credential, ExplainRequest, ExplainStep, Explanation } from "../../shared/plan/explain-step.ts";
import type { RecordedIdentity, RequestRecord } from "../../shared/policy/request-record.ts";
import { HIDDEN } from "../../shared/policy/tap-entry.ts";

/**
 * @param number makes its trace id
 * @param hidden names of fields and parameters that may carry a credential, beside the usual ones
 */
export function recordOf(
  plan: PreparedPlan,
  request: ExplainRequest,
  nowMs: number,
  number: number,
  hidden: readonly string[] = ["x-api-key", "key", "dpop", "txn-token", "idempotency-key"],
): RequestRecord {
  const said = explainBy(plan, request, nowMs);
  const identity = identityIn(said.steps, request.credential);
  const hides = (name: string): boolean => CREDENTIAL_FIELDS.has(name) || hidden.includes(name);
  const query = request.query.replace(/([^?&=]+)=([^&]*)/g, (all, name) => (hides(name) ? `${name}=${HIDDEN}` : all));
  return {
    because: "drawn",
    entry: entryOf(request, said, nowMs, number, identity?.sub),
    request: {
      ...{ scheme: request.scheme ?? "https", authority: request.host, query },
      headers: request.headers.map(([name, value]) => [name, hides(name) ? HIDDEN : value] as const),
      ...(request.clientIp !== undefined && { connectedFrom: request.clientIp }),
      ...(identity !== undefined && { identity }),
    },
    decisions: said.steps.map(({ stage, verdict, text }) => ({
      stage,
      verdict: verdict === "skip" ? "note" : verdict,
      text,
    })),
  };
}

function identityIn(steps: readonly ExplainStep[], credential: Credential): RecordedIdentity | undefined {
  const said = steps.find(({ stage }) => stage === "auth");
  if (said === undefined || said.verdict === "deny") return undefined;
  const { facts = { by: [] } } = said;
  const [provider] = facts.by as string[];
  if (provider === undefined)
    return { method: "anonymous", sub: "anonymous", issuer: "", scopes: [], groups: [], claims: {} };
  const { method, sub, issuer, scopes, groups, consumer, plan } = facts as unknown as RecordedIdentity;
  const claims =
    credential.kind === "token" ? credential.claims : credential.kind === "assumed" ? (credential.claims ?? {}) : {};
  return {
    ...{ provider, method: method as IdentityMethod, sub, issuer, scopes, groups, claims },
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
  };
}

function entryOf(
  { method, host, path }: ExplainRequest,
  { route, steps, result }: Explanation,
  nowMs: number,
  number: number,
  sub: string | undefined,
): AccessLogEntry {
  const ended = result.outcome === "drawn" ? result.among[0]?.result : result;
  const refused = ended?.outcome === "refuse" ? ended : undefined;
  const shadowed = steps.filter(({ stage, verdict }) => stage === "auth" && verdict === "would-deny");
  const wouldRefuse = shadowed.map(
    ({ code = "internal", text }) => ({ policy: "auth", error: code, reason: text }) as const,
  );
  const status = ended?.outcome === "forward" ? 200 : (ended?.status ?? 200);
  return {
    ...{ time: new Date(nowMs).toISOString(), kind: "access", hop: "gateway", service: "gateway", instance: "i" },
    ...{ traceId: number.toString(16).padStart(32, "0"), spanId: number.toString(16).padStart(16, "0") },
    ...{ method, host, path, status, durationMs: 1, plan: 1 },
    ...(route !== undefined && refused?.code !== "route_quarantined" && { route: route.name }),
    ...(sub !== undefined && { sub }),
    ...(wouldRefuse.length > 0 && { wouldRefuse }),
    ...(refused !== undefined && { error: refused.code, reason: refused.text }),
  };
}
