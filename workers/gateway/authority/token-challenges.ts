import { bearerChallenge, type ChallengeError } from "../../../shared/auth/bearer.ts";
import type { TokenBinding } from "../../../shared/auth/confirmation.ts";
import { dpopChallenge } from "../../../shared/auth/dpop-proof.ts";

interface RefusedToken {
  readonly error: ChallengeError | undefined;
  readonly scopes: readonly string[] | undefined;
  /** Scheme by which it came. */
  readonly scheme: string | undefined;
}

/**
 * Challenges of a provider of access tokens: Bearer, DPoP or both, the error at the scheme that it is about. DPoP is named
 * where the document does, and to whoever uses it.
 */
export function tokenChallenges(
  binding: TokenBinding | undefined,
  realm: string,
  { error, scopes, scheme }: RefusedToken,
): readonly string[] {
  const isProofs = error === "invalid_dpop_proof" || error === "use_dpop_nonce";
  const usesDpop = scheme === "dpop" || isProofs;
  if (binding?.dpop === "required") return [dpopChallenge(realm, error, scopes)];
  if (binding?.dpop === undefined && !usesDpop) return [bearerChallenge(realm, error, scopes)];
  return usesDpop
    ? [bearerChallenge(realm), dpopChallenge(realm, error, scopes)]
    : [bearerChallenge(realm, error, scopes), dpopChallenge(realm)];
}
