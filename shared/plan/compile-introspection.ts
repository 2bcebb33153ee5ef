import type { ClaimNames, IntrospectionClient, IntrospectionProvider } from "../auth/providers.ts";
import { referencesIn } from "../config/references.ts";
import type { IntrospectionConfig } from "../config/schema-introspection.ts";
import { parseDurationMs } from "../config/units.ts";
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
    clockSkewMs: durationOf(given.clockSkew, limits.identity.clockSkewMs),
    timeoutMs: durationOf(given.timeout, waitMs),
    rememberMs: durationOf(given.remember, rememberMs),
    ...(onFailure === "stale" && { staleMs: durationOf(given.staleFor, staleMs) }),
    ...(binding !== undefined && { binding }),
  };
}

function compileClient({ clientId, clientSecret, clientAuth, bearer }: IntrospectionConfig): IntrospectionClient {
  const secret = referencesIn(bearer ?? clientSecret ?? "")[0]?.name ?? "";
  if (bearer !== undefined) return { method: "bearer", secret };
  return { method: clientAuth ?? "client_secret_basic", id: clientId ?? "", secret };
}

function durationOf(text: string | undefined, otherwise: number): number {
  return (text === undefined ? undefined : parseDurationMs(text)) ?? otherwise;
}
