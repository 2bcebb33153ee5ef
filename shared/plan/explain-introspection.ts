import type { Proof } from "../auth/compose.ts";
import { accessToken } from "../auth/confirmation.ts";
import { refuseOpaqueToken } from "../auth/introspection.ts";
import { identityOfClaims } from "../auth/jwt-claims.ts";
import type { IntrospectionProvider } from "../auth/providers.ts";
import type { Identity } from "../identity/identity.ts";
import type { ExplainRequest } from "./explain-step.ts";

type Shown = Pick<ExplainRequest, "headers" | "credential">;

/** Claim of an identity whose token nobody has asked about. */
const UNASKED = "token_not_introspected";

/** A token of the request, of which only the form is judged, or who is assumed. */
export function proofOfIntrospection(provider: IntrospectionProvider, { headers, credential }: Shown): Proof {
  const { issuer, claims: names } = provider;
  if (credential.kind === "key") return { kind: "absent" };
  if (credential.kind === "assumed") {
    const { sub, scopes, claims = {} } = credential;
    const stated = { ...claims, sub, iss: issuer };
    const read = identityOfClaims({ ...stated, scope: scopes.join(" ") }, names);
    if (typeof read === "string") return { kind: "refused", reason: read };
    return { kind: "proven", identity: { ...read, scopes, claims: stated, method: "introspection" } };
  }
  const token = accessToken(headers.find(([name]) => name === "authorization")?.[1])?.token;
  if (token === undefined) return { kind: "absent" };
  const reason = refuseOpaqueToken(token, provider, credential.kind === "token" ? credential.claims : undefined);
  if (reason !== undefined) return { kind: "refused", reason };
  const sub = `whoever ${issuer} says`;
  const claims = { sub, iss: issuer, [UNASKED]: true };
  return { kind: "proven", identity: { sub, issuer, scopes: [], claims, groups: [], method: "introspection" } };
}

/** What is said beside an identity whose token nobody has asked about. */
export function introspectionNote({ claims }: Identity): string {
  return claims[UNASKED] === true
    ? " (the token's form only: its ISSUER WAS NOT ASKED, nor what it is bound to, its scopes are those that are asked for)"
    : "";
}
