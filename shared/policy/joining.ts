/** Who joins by an outside token, and who comes back by an enrolment key; proofs and signatures are the host's work. */
import { refuseClaims } from "../auth/jwt-claims.ts";
import type { JwtProvider } from "../auth/providers.ts";
import type { JoinIssuer } from "./join-rules.ts";

/** Fixed: what a workload's token may be signed with. */
export const JOIN_ALGORITHMS = ["ES256", "ES384", "EdDSA", "PS256", "RS256"] as const;

/** An issuer as what reads its tokens. */
export function providerOf({ issuer, audiences, clockSkewMs }: JoinIssuer): JwtProvider {
  return { kind: "jwt", issuer, audiences, algorithms: JOIN_ALGORITHMS, clockSkewMs };
}

type Claims = Readonly<Record<string, unknown>>;

/**
 * Issuers of the document that a token may be of, by what it says of itself: those of its `iss`, of these those of its `aud`.
 * @returns their names, or why there is none
 */
export function issuersOf(
  issuers: Readonly<Record<string, JoinIssuer>>,
  claims: Claims,
  nowMs: number,
): readonly string[] | string {
  const named = Object.keys(issuers).filter((name) => issuers[name]?.issuer === claims.iss);
  if (named.length === 0) return `no issuer of the document is ${JSON.stringify(claims.iss ?? null).slice(0, 200)}`;
  const reasons = named.map((name) => {
    const issuer = issuers[name] as JoinIssuer;
    return refuseClaims(claims, providerOf(issuer), nowMs) ?? refuseLife(claims, issuer);
  });
  const good = named.filter((_, index) => reasons[index] === undefined);
  return good.length > 0 ? good : named.map((name, index) => `${name}: ${reasons[index]}`).join("; ");
}

/** A token that lives long is worth stealing. */
function refuseLife({ exp, iat }: Claims, { tokenLifetimeMsMax }: JoinIssuer): string | undefined {
  if (typeof exp !== "number" || typeof iat !== "number") return "iat is missing, and the token's life is bounded";
  if ((exp - iat) * 1000 <= tokenLifetimeMsMax) return undefined;
  return `it lives ${Math.round(exp - iat)}s, longer than the ${tokenLifetimeMsMax / 1000}s that are believed`;
}

/**
 * Why what is good once is refused after its end, or undefined: that it was used is forgotten then, and it may have ended since
 * it was proven.
 */
export function refuseEnded(what: "token" | "challenge", endsAtMs: number, nowMs: number): string | undefined {
  return nowMs < endsAtMs ? undefined : `the ${what} has ended meanwhile`;
}

/**
 * Why a token that was shown before is refused, or undefined. Whoever showed it first may show it again, as after an answer
 * that was lost.
 * @param usedBy hash of the enrolment key that it was shown with first; undefined: nobody showed it
 */
export function refuseReuse(usedBy: string | undefined, key: string, reuse: boolean): string | undefined {
  return usedBy === undefined || usedBy === key || reuse ? undefined : "the token was used before, with another key";
}

/**
 * Whether somebody who is let in by the rules of one version has to be judged anew: another is live by now, as the keys of an
 * issuer may be slow to come.
 */
export const isOutdated = (judgedBy: number, live: number): boolean => judgedBy !== live;

/** What was good once and ended until then need not be remembered any more: it is refused for its end. */
export const forgottenUntil = (nowMs: number): number => nowMs;

/** Plain and serialisable; the public key by which an instance comes back. */
export interface EnrolmentKey {
  /** SHA-256 of its SPKI, base64url. */
  readonly id: string;
  readonly service: string;
  readonly instance: string;
  readonly createdAtMs: number;
  readonly usedAtMs: number;
}

/** A key that somebody shows. */
export interface ShownKey extends Pick<EnrolmentKey, "id" | "service" | "instance"> {
  /** Who shows it has signed by it. */
  readonly isProven: boolean;
}

/**
 * Whether a key is kept as that of the instance that shows it: one that was removed stays so, and one of another instance stays
 * that one's, unless who shows it has proven to have it.
 * @param known what is kept under its id
 */
export function mayKeepKey(
  known: (Pick<EnrolmentKey, "service" | "instance"> & { readonly isRemoved: boolean }) | undefined,
  { service, instance, isProven }: Omit<ShownKey, "id">,
): boolean {
  if (known === undefined) return true;
  const isOthers = known.service !== service || known.instance !== instance;
  return !known.isRemoved && (isProven || !isOthers);
}

/** Why nobody comes back by a key, or undefined. @param key undefined: it is not known */
export function refuseKey(key: EnrolmentKey | undefined, lifetimeMs: number, nowMs: number): string | undefined {
  if (key === undefined) return "the enrolment key is unknown or was removed";
  const unusedMs = nowMs - key.usedAtMs;
  if (unusedMs < lifetimeMs) return undefined;
  return `the enrolment key was not used for ${Math.floor(unusedMs / 1000)}s, longer than ${lifetimeMs / 1000}s`;
}
