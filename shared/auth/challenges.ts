import type { ChallengeError } from "./bearer.ts";
import type { Proof } from "./compose.ts";

/** What a challenge says of a proof, where nobody was found. */
export function errorOfProof(proof: Proof | undefined): ChallengeError | undefined {
  return proof?.kind === "refused" ? (proof.error ?? "invalid_token") : undefined;
}

/** What it says where who was found may not pass for want of scopes. */
export function errorOfScopes(proof: Proof | undefined): ChallengeError | undefined {
  return proof?.kind === "proven" ? "insufficient_scope" : undefined;
}

/** Scheme of an `Authorization` field, lower case; undefined where there is none. */
export function schemeOf(authorization: string | null | undefined): string | undefined {
  return /^[^ ]+/.exec(authorization ?? "")?.[0].toLowerCase();
}

/**
 * What is asked for by several providers (RFC 9110 section 11.6.1), each thing once: of challenges that differ in their error
 * alone, the one that says most of what is wrong.
 */
export function distinctChallenges(challenges: readonly string[]): readonly string[] {
  const told = new Map<string, string>();
  for (const challenge of challenges) {
    const asked = challenge.replace(/(?:, error="[^"]*")?(?:, scope="[^"]*")?$/, "");
    const known = told.get(asked);
    if (known === undefined || weightOf(challenge) > weightOf(known)) told.set(asked, challenge);
  }
  return [...told.values()];
}

/** Errors of tokens that a provider knew; what is none of its own it refuses, too. */
const OF_KNOWN_TOKENS = ["insufficient_scope", "invalid_dpop_proof", "use_dpop_nonce"];

function weightOf(challenge: string): number {
  const error = /, error="([^"]*)"/.exec(challenge)?.[1];
  return error === undefined ? -2 : OF_KNOWN_TOKENS.indexOf(error);
}
