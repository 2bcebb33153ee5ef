import { identityOfClaims } from "../auth/jwt-claims.ts";
import { missingScopes } from "../auth/scopes.ts";
import { refuseTokenHeader } from "../auth/token-form.ts";
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { anonymous, type Identity } from "../identity/identity.ts";
import { explainKey } from "./explain-key.ts";
import { type Credential, type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { IdentityProvider, JwtProvider, RoutePlan } from "./plan.ts";

export interface ExplainedAuth {
  readonly identity: Identity;
  readonly steps: readonly ExplainStep[];
}

/** Who asks, and whether the route lets them. A token's claims are judged, its signature is not. */
export function explainAuth(
  route: RoutePlan,
  at: Path,
  providers: Readonly<Record<string, IdentityProvider>>,
  request: Pick<ExplainRequest, "credential" | "headers" | "query">,
  nowMs: number,
): ExplainedAuth {
  const { auth } = route;
  const { credential } = request;
  const path = [...at, "auth"];
  if (auth === undefined)
    return { identity: anonymous, steps: [step("auth", "pass", "public: no credentials are asked for", at)] };
  const named = auth.any.flatMap((name) =>
    Object.hasOwn(providers, name) ? [[name, providers[name] as IdentityProvider] as const] : [],
  );
  const key = explainKey(named, request, auth.scopes, path, nowMs);
  if (key !== undefined) return key;
  const known = identify(named, credential, nowMs);
  if (typeof known === "string") {
    const code = credential.kind === "none" ? "credentials_missing" : "credentials_invalid";
    return { identity: anonymous, steps: [step("auth", "deny", known, path, code)] };
  }
  const { identity, note } = known;
  const steps = [step("auth", "pass", `${note}, scopes: ${identity.scopes.join(" ") || "none"}`, path)];
  if (auth.scopes.length === 0) return { identity, steps };
  const missing = missingScopes(identity.scopes, auth.scopes);
  const scopes = [...path, "scopes"];
  if (missing.length > 0) steps.push(step("scopes", "deny", `lacks ${missing.join(" ")}`, scopes, "scope_missing"));
  else steps.push(step("scopes", "pass", `has ${auth.scopes.join(" ")}`, scopes));
  return { identity, steps };
}

function identify(
  providers: readonly (readonly [name: string, provider: IdentityProvider])[],
  credential: Credential,
  nowMs: number,
): { identity: Identity; note: string } | string {
  const names = providers.map(([name]) => name).join(" or ");
  if (credential.kind === "none" || credential.kind === "key")
    return `no credentials: ${names} is asked for; try --as SUB, or -H 'authorization: Bearer ...'`;
  if (credential.kind === "malformed") return credential.reason;
  if (credential.kind === "assumed") {
    const [name, provider] = providers[0] ?? [];
    const { sub, scopes } = credential;
    const identity: Identity = {
      sub,
      issuer: provider?.kind === "jwt" ? provider.issuer : (provider?.prefix ?? ""),
      scopes,
      claims: { sub, scope: scopes.join(" ") },
      groups: [],
      method: provider?.kind ?? "jwt",
    };
    return { identity, note: `assumed to be ${sub} by ${name}` };
  }
  const { header, claims } = credential;
  const found = jwtsOf(providers).find(([, { issuer }]) => issuer === claims.iss);
  if (found === undefined) return `iss is ${shown(claims.iss)}, which is the issuer of none of ${names}`;
  const [name, provider] = found;
  const refused = refuseTokenHeader(header, provider.algorithms) ?? refuseClaims(claims, provider, nowMs);
  if (refused !== undefined) return `${name}: ${refused}`;
  const identity = identityOfClaims(claims);
  if (typeof identity === "string") return `${name}: ${identity}`;
  return { identity, note: `${identity.sub} by ${name} (claims only: the SIGNATURE WAS NOT CHECKED)` };
}

function jwtsOf(providers: readonly (readonly [string, IdentityProvider])[]): (readonly [string, JwtProvider])[] {
  return providers.flatMap(([name, provider]) => (provider.kind === "jwt" ? [[name, provider] as const] : []));
}

function refuseClaims(
  claims: Readonly<Record<string, unknown>>,
  provider: JwtProvider,
  nowMs: number,
): string | undefined {
  const { aud, exp, nbf } = claims;
  const { audiences, clockSkewMs } = provider;
  const stated = Array.isArray(aud) ? aud : [aud];
  if (!stated.some((one) => typeof one === "string" && audiences.includes(one)))
    return `aud is ${shown(aud)}, expected ${audiences.join(" or ")}`;
  if (typeof exp !== "number") return "exp is missing";
  const over = nowMs - exp * 1000;
  if (over > clockSkewMs) return `expired ${formatDuration(Math.floor(over / 1000) * 1000)} ago`;
  if (typeof nbf === "number" && nbf * 1000 - nowMs > clockSkewMs) return "not valid yet (nbf)";
  return undefined;
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 200);
}
