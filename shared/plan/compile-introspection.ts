import type { ClaimNames, IntrospectionClient, IntrospectionProvider } from "../auth/providers.ts";
import { secretName } from "../config/references.ts";
import type { IntrospectionConfig } from "../config/schema-introspection.ts";
import { durationOr } from "../config/units.ts";
import { limits } from "../limits.ts";
import { compileBinding } from "./compile-bound.ts";
import { sorted } from "./sorted.ts";

export function compileIntrospection(given: IntrospectionConfig): IntrospectionProvider {
  const { issuer, url, audience, subject, claims, prefix, jwts, onFailure } = given;
  const { waitMs, rememberMs, staleMs } = limits.introspection;
  const binding = compileBinding(given);
  return {
    kind: "introspection",
    issuer,
    ...(url !== undefined && { url }),
    client: compileClient(given),
    ...(audience !== undefined && { audiences: sorted(typeof audience === "string" ? [audience] : audience) }),
    subject: [...new Set(typeof subject === "string" ? [subject] : (subject ?? ["sub"]))],
    ...(claims !== undefined && Object.keys(claims).length > 0 && { claims: claims as ClaimNames }),
    ...(prefix !== undefined && { prefix }),
    jwts: jwts ?? true,
    clockSkewMs: durationOr(given.clockSkew, limits.identity.clockSkewMs),
    timeoutMs: durationOr(given.timeout, waitMs),
    rememberMs: durationOr(given.remember, rememberMs),
    ...(onFailure === "stale" && { staleMs: durationOr(given.staleFor, staleMs) }),
    ...(binding !== undefined && { binding }),
  };
}

function compileClient({ clientId, clientSecret, clientAuth, bearer }: IntrospectionConfig): IntrospectionClient {
  const secret = secretName(bearer ?? clientSecret) ?? "";
  if (bearer !== undefined) return { method: "bearer", secret };
  return { method: clientAuth ?? "client_secret_basic", id: clientId ?? "", secret };
}
