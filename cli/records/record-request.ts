import type { Credential, ExplainRequest } from "../../shared/plan/explain-step.ts";
import type { RecordedIdentity, RequestRecord } from "../../shared/policy/request-record.ts";
import { HIDDEN } from "../../shared/policy/tap-entry.ts";

/** A past request as `explain` takes one: who proved it is assumed to have, and what was hidden is not there. */
export function recordedRequest({ entry, request }: RequestRecord): ExplainRequest {
  const { scheme, authority, query, headers, connectedFrom, identity } = request;
  return {
    ...{ method: entry.method, scheme, host: authority, path: entry.path, query },
    headers: headers.filter(([, value]) => value !== HIDDEN),
    ...(connectedFrom !== undefined && { clientIp: connectedFrom }),
    credential: credentialOf(identity),
  };
}

function credentialOf(identity: RecordedIdentity | undefined): Credential {
  if (identity === undefined || identity.method === "anonymous") return { kind: "none" };
  const { sub, scopes, claims } = identity;
  return { kind: "assumed", sub, scopes, claims };
}
