/**
 * Which proofs a route asks for, and what they make together. The host proves one provider after the other, as `nextProof`
 * asks; then `refuseIdentity` says whether who was found may pass.
 */

import { anonymous, type Identity } from "../identity/identity.ts";
import type { ChallengeError } from "./bearer.ts";
import type { DecisionSettings } from "./decision.ts";
import { missingScopes, own } from "./scopes.ts";

/** What an identity must have. */
export interface IdentityDemands {
  /** All of them. */
  readonly scopes?: readonly string[];
  /** Claim to the values of which it must have one. */
  readonly claims?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  /** One of them. */
  readonly groups?: readonly string[];
}

export interface AuthSettings extends IdentityDemands {
  /** One of them must prove an identity; empty: none is asked for. */
  readonly any: readonly string[];
  /** Every one must prove an identity; the first is the subject. Absent: none. */
  readonly all?: readonly string[];
  /** Whoever sends no credentials at all passes as anonymous. */
  readonly optional?: true;
  readonly scopes: readonly string[];
  /** Expression in CEL that must be true. */
  readonly when?: string;
  /** Decision point that must permit the request, and what it is asked. Judged by a stage of its own, after all else. */
  readonly decision?: DecisionSettings;
  /** Nobody is refused: see `shadow-auth.ts`. Of the decision as well. */
  readonly mode?: "shadow";
}

export interface Refused {
  readonly kind: "refused";
  /** For operators. */
  readonly reason: string;
  /** What the challenge says of it; absent: `invalid_token`. */
  readonly error?: ChallengeError;
}

/** What became of one provider. `failed`: it could not be said, for a reason that is not the client's. */
export type Proof =
  | { readonly kind: "proven"; readonly identity: Identity }
  | { readonly kind: "absent" }
  | Refused
  | { readonly kind: "failed"; readonly cause: unknown };

export type NextProof =
  | { readonly kind: "ask"; readonly provider: string }
  | { readonly kind: "identity"; readonly identity: Identity }
  | { readonly kind: "missing"; readonly reason: string }
  | Refused
  | { readonly kind: "failed"; readonly cause: unknown };

/** @param proofs what is known by provider; each that is asked for must be in it the next time */
export function nextProof(auth: AuthSettings, proofs: ReadonlyMap<string, Proof>): NextProof {
  const found: Identity[] = [];
  const names: string[] = [];
  for (const provider of auth.all ?? []) {
    const proof = proofs.get(provider);
    if (proof === undefined) return { kind: "ask", provider };
    if (proof.kind === "refused" || proof.kind === "failed") return proof;
    if (proof.kind === "absent") continue;
    found.push(proof.identity);
    names.push(provider);
  }
  const lacking = (auth.all?.length ?? 0) - found.length;
  if (auth.any.length === 0) return compose(auth, found, names, lacking);
  let failed: NextProof | undefined;
  let refused: NextProof | undefined;
  for (const provider of auth.any) {
    const proof = proofs.get(provider);
    if (proof === undefined) return { kind: "ask", provider };
    if (proof.kind === "proven") return compose(auth, [...found, proof.identity], [...names, provider], lacking);
    if (proof.kind === "failed") failed ??= proof;
    else if (proof.kind === "refused") refused ??= { ...proof, reason: `${provider}: ${proof.reason}` };
  }
  return failed ?? refused ?? compose(auth, found, names, lacking + 1);
}

/** @param lacking proofs for which nothing was sent */
function compose(auth: AuthSettings, found: readonly Identity[], names: readonly string[], lacking: number): NextProof {
  const [subject, ...others] = found;
  if (subject === undefined && auth.optional === true) return { kind: "identity", identity: anonymous };
  if (subject === undefined) return { kind: "missing", reason: "no credentials" };
  if (lacking > 0) return { kind: "missing", reason: `only ${names.join(", ")} of what is asked for` };
  return { kind: "identity", identity: others.length === 0 ? subject : merge(subject, others, names.slice(1)) };
}

/** Who the first is, with what the others add: scopes and groups united, claims under the name of their provider. */
function merge(subject: Identity, others: readonly Identity[], names: readonly string[]): Identity {
  const all = [subject, ...others];
  const consumer = all.find((one) => one.consumer !== undefined)?.consumer;
  const plan = all.find((one) => one.plan !== undefined)?.plan;
  const added = others.map(({ sub, issuer, claims }, at) => [names[at] as string, { ...claims, sub, issuer }] as const);
  return {
    ...subject,
    scopes: [...new Set(all.flatMap(({ scopes }) => scopes))],
    claims: { ...subject.claims, ...Object.fromEntries(added) },
    groups: [...new Set(all.flatMap(({ groups }) => groups))],
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
  };
}

export interface IdentityRefusal {
  readonly code: "credentials_missing" | "scope_missing" | "not_permitted";
  /** For operators. */
  readonly reason: string;
  /** Which setting it is about. */
  readonly by: "scopes" | "claims" | "groups" | "when";
}

/**
 * Why an identity may not pass, or undefined. Where nobody proved anything credentials could help: that is no 403.
 * @param isTrue evaluates `when`: true, false, or why it could not be evaluated; asked last
 */
export function refuseIdentity(
  auth: AuthSettings,
  identity: Identity,
  isTrue: (identity: Identity) => boolean | string,
): IdentityRefusal | undefined {
  const refusal = refuseStated(auth, identity) ?? refuseWhen(auth, identity, isTrue);
  if (refusal === undefined || identity.method !== "anonymous") return refusal;
  return { ...refusal, code: "credentials_missing" };
}

/** Why an identity has not what is demanded, or undefined. */
export function refuseStated(auth: IdentityDemands, identity: Identity): IdentityRefusal | undefined {
  const missing = auth.scopes === undefined ? [] : missingScopes(identity.scopes, auth.scopes);
  if (missing.length > 0) return { code: "scope_missing", reason: `misses ${missing.join(" ")}`, by: "scopes" };
  for (const [name, values] of Object.entries(auth.claims ?? {}))
    if (!hasOneOf(own(identity.claims, name), values))
      return { code: "not_permitted", reason: `claim ${name} has none of the accepted values`, by: "claims" };
  const { groups } = auth;
  if (groups !== undefined && !groups.some((group) => identity.groups.includes(group)))
    return { code: "not_permitted", reason: `in none of the groups ${groups.join(", ")}`, by: "groups" };
  return undefined;
}

function refuseWhen(
  auth: AuthSettings,
  identity: Identity,
  isTrue: (identity: Identity) => boolean | string,
): IdentityRefusal | undefined {
  if (auth.when === undefined) return undefined;
  const verdict = isTrue(identity);
  if (verdict === true) return undefined;
  const reason = verdict === false ? "the condition is false" : `the condition fails: ${verdict}`;
  return { code: "not_permitted", reason, by: "when" };
}

/** A claim that is a list has each of its members as a value. */
function hasOneOf(stated: unknown, values: readonly (string | number | boolean)[]): boolean {
  const all: unknown[] = Array.isArray(stated) ? stated : [stated];
  return values.some((value) => all.includes(value));
}
