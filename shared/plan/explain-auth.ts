import { type AuthSettings, nextProof, type Proof, refuseIdentity } from "../auth/compose.ts";
import { parseCondition } from "../auth/condition.ts";
import { identityOfClaims, refuseClaims } from "../auth/jwt-claims.ts";
import type { IdentityProvider, JwtProvider } from "../auth/providers.ts";
import { refusalOfUnproven } from "../auth/shadow-auth.ts";
import { refuseTokenHeader } from "../auth/token-form.ts";
import type { Path } from "../config/problem.ts";
import { anonymous, type Identity } from "../identity/identity.ts";
import { boundNote, proofOfCertificate, refuseShownToken } from "./explain-bound.ts";
import { bareHost, endCredentials, type Fields } from "./explain-fields.ts";
import { introspectionNote, proofOfIntrospection } from "./explain-introspection.ts";
import { keyNote, proofOfKey } from "./explain-key.ts";
import { loginHint, proofOfLogin, sessionNote } from "./explain-login.ts";
import { proofOfRecorded, unseenNote } from "./explain-recorded.ts";
import { proofOfSignature, proofOfWebhook, signatureNote } from "./explain-signature.ts";
import { type Credential, type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

export interface ExplainedAuth {
  readonly identity: Identity;
  readonly steps: readonly ExplainStep[];
}

type Providers = Readonly<Record<string, IdentityProvider>>;

/**
 * Who asks, and whether the route lets them. A token's claims are judged, its signature is not.
 * @param fields those that go on inside
 */
export function explainAuth(
  { auth }: RoutePlan,
  at: Path,
  gateway: GatewayPlan,
  request: ExplainRequest,
  fields: Fields,
  nowMs: number,
): ExplainedAuth {
  const { identity: providers } = gateway;
  const path = [...at, "auth"];
  if (auth === undefined)
    return {
      identity: anonymous,
      steps: [{ ...step("auth", "pass", "public: no credentials are asked for", at), facts: { by: [] } }],
    };
  const proofs = new Map<string, Proof>();
  for (;;) {
    const next = nextProof(auth, proofs);
    if (next.kind === "ask") {
      proofs.set(next.provider, proofOf(next.provider, providers, request, nowMs));
      continue;
    }
    if (next.kind === "identity")
      return explainIdentity(auth, next.identity, proofs, path, request, conditionOf(auth, gateway, request, fields));
    const text = next.kind === "missing" ? missingText(auth, providers, request, proofs) : refusedText(next);
    const { code } = refusalOfUnproven(next);
    const told = auth.mode === "shadow" ? `${text}; in shadow: passes as anonymous` : text;
    return { identity: anonymous, steps: [step("auth", denialOf(auth), told, path, code)] };
  }
}

/** In shadow it goes on. */
const denialOf = ({ mode }: AuthSettings): "deny" | "would-deny" => (mode === "shadow" ? "would-deny" : "deny");

function missingText(
  auth: AuthSettings,
  providers: Providers,
  request: ExplainRequest,
  proofs: ReadonlyMap<string, Proof>,
): string {
  const names = [...(auth.all ?? []), ...(auth.any.length > 0 ? [auth.any.join(" or ")] : [])].join(" and ");
  const isSome = request.credential.kind !== "none" || [...proofs.values()].some(({ kind }) => kind === "proven");
  if (isSome) return `only some of the credentials: ${names} is asked for`;
  const login = [...(auth.all ?? []), ...auth.any].map((name) => providers[name]).find((one) => one?.kind === "oidc");
  const hint = login === undefined ? ", or -H 'authorization: Bearer ...'" : loginHint(login, request);
  return `no credentials: ${names} is asked for; try --as SUB${hint}`;
}

const refusedText = (refused: { kind: "refused"; reason: string } | { kind: "failed"; cause: unknown }): string =>
  refused.kind === "refused" ? refused.reason : String(refused.cause);

/** What is said beside an identity of which only the form of its credential is known here, or of one that it is composed of. */
const unknownNote = (found: Identity): string =>
  composedOf(found)
    .map((one) => keyNote(one) + introspectionNote(one) + sessionNote(one) + unseenNote(one))
    .join("");

/** Who is composed has the claims of the others under the names of their providers. */
function composedOf(found: Identity): Identity[] {
  const others = Object.values(found.claims).filter(
    (one): one is Identity["claims"] => typeof one === "object" && one !== null && !Array.isArray(one),
  );
  return [found, ...others.map((claims) => ({ ...found, claims }))];
}

export const isKnownInPart = (identity: Identity): boolean => unknownNote(identity) !== "";

function explainIdentity(
  auth: AuthSettings,
  found: Identity,
  proofs: ReadonlyMap<string, Proof>,
  path: Path,
  request: ExplainRequest,
  isTrue: (who: Identity) => boolean | string,
): ExplainedAuth {
  const note = unknownNote(found);
  // Later steps go by the scopes that a credential must have to come this far.
  const identity = note === "" ? found : { ...found, scopes: auth.scopes };
  const { scopes, groups } = identity;
  const proven = [...proofs].filter(([, { kind }]) => kind === "proven").map(([name]) => name);
  const by = proven.length === 0 ? "no credentials, which are optional here" : `by ${proven.join(" and ")}`;
  const isOfToken = request.credential.kind === "token" && found.method === "jwt";
  const unchecked = isOfToken ? " (claims only: the SIGNATURE WAS NOT CHECKED)" : "";
  const assumed = request.credential.kind === "assumed" ? "assumed to be " : "";
  const inGroups = groups.length > 0 ? `, groups: ${groups.join(" ")}` : "";
  const said = `${unchecked}${note}${composedOf(found).map(signatureNote).join("")}${boundNote(identity, assumed !== "")}`;
  const text = `${assumed}${identity.sub} ${by}${said}, scopes: ${scopes.join(" ") || "none"}${inGroups}`;
  const { method, sub, issuer, consumer, plan } = identity;
  const facts = { by: proven, method, sub, issuer, scopes, groups, consumer, plan };
  const passed = { ...step("auth", "pass", text, path), facts };
  return { identity, steps: [passed, ...explainDemands(auth, identity, path, isTrue)] };
}

/** What the route demands of the identity, each demand that is met, and the first that is not. */
function explainDemands(
  auth: AuthSettings,
  identity: Identity,
  path: Path,
  isTrue: (who: Identity) => boolean | string,
): ExplainStep[] {
  const known = isKnownInPart(identity) ? certainDemands(auth) : auth;
  const refusal = refuseIdentity(known, identity, isTrue);
  const met: Record<string, string | undefined> = {
    scopes: auth.scopes.length === 0 ? undefined : `has ${auth.scopes.join(" ")}`,
    claims: auth.claims && `has ${Object.keys(auth.claims).join(", ")} as asked for`,
    groups: auth.groups && `is in one of ${auth.groups.join(", ")}`,
    when: auth.when && `${auth.when} is true`,
  };
  const steps: ExplainStep[] = [];
  for (const [demand, text] of Object.entries(met)) {
    const at = [...path, demand];
    if (refusal?.by === demand) return [...steps, step(demand, denialOf(auth), refusal.reason, at, refusal.code)];
    if (text !== undefined && Object.hasOwn(known, demand)) steps.push(step(demand, "pass", text, at));
    else if (text !== undefined) steps.push(step(demand, "note", OPEN_DEMAND, at));
  }
  return steps;
}

const OPEN_DEMAND = "is decided by whose credential it is, which is not known here";

/** What does not depend on whom a credential is of, where only whoever is asked about it knows. Scopes are taken for granted. */
function certainDemands({ claims: _, groups: __, when, ...certain }: AuthSettings): AuthSettings {
  return when === undefined || /\bidentity\b/.test(when) ? certain : { ...certain, when };
}

/** Conditions see what is left when credentials have ended. */
function conditionOf(
  { when = "" }: AuthSettings,
  gateway: GatewayPlan,
  { method, host, path, query }: ExplainRequest,
  fields: Fields,
): (who: Identity) => boolean | string {
  return (who) => {
    const condition = parseCondition(when);
    if (typeof condition === "string") return condition;
    const left = new Map(fields);
    endCredentials(gateway, left, query);
    return condition.evaluate(who, { method, host: bareHost(host), path, headers: Object.fromEntries(left) });
  };
}

function proofOf(name: string, providers: Providers, request: ExplainRequest, nowMs: number): Proof {
  const { credential } = request;
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (credential.kind === "recorded" && provider !== undefined)
    return proofOfRecorded(name, provider, credential, request);
  if (provider?.kind === "api-key") return proofOfKey(provider, request, nowMs);
  if (provider?.kind === "certificate") return proofOfCertificate(provider, request, nowMs);
  if (provider?.kind === "introspection") return proofOfIntrospection(provider, request);
  if (provider?.kind === "signature") return proofOfSignature(provider, request, nowMs);
  if (provider?.kind === "webhook") return proofOfWebhook(provider, request, nowMs);
  if (provider?.kind === "oidc") return proofOfLogin(provider, request);
  if (credential.kind === "key") return { kind: "absent" };
  if (credential.kind === "none") return { kind: "absent" };
  if (provider === undefined || credential.kind === "recorded")
    return { kind: "refused", reason: `there is no provider ${name}` };
  if (credential.kind === "malformed") return { kind: "refused", reason: credential.reason };
  const identity =
    credential.kind === "assumed" ? assume(credential, provider) : judge(credential, provider, request, nowMs);
  return typeof identity === "string" ? { kind: "refused", reason: identity } : { kind: "proven", identity };
}

function assume({ sub, scopes, claims }: Extract<Credential, { kind: "assumed" }>, provider: JwtProvider): Identity {
  const stated = { ...claims, sub, iss: provider.issuer, scope: scopes.join(" ") };
  const read = identityOfClaims(stated, provider.claims);
  const { groups = [], ...rest } = typeof read === "string" ? {} : read;
  return { method: "jwt", claims: stated, ...rest, groups, sub, issuer: provider.issuer, scopes };
}

type Token = Extract<Credential, { kind: "token" }>;

function judge(
  { header, claims }: Token,
  provider: JwtProvider,
  request: ExplainRequest,
  nowMs: number,
): Identity | string {
  const family = provider.keys !== undefined && "secret" in provider.keys ? "hmac" : "signature";
  const refused = refuseTokenHeader(header, provider.algorithms, family) ?? refuseClaims(claims, provider, nowMs);
  if (refused !== undefined) return refused;
  const identity = identityOfClaims(claims, provider.claims);
  return typeof identity === "string"
    ? identity
    : (refuseShownToken(identity, provider.binding, request, nowMs) ?? identity);
}
