/** RFC 6750: the credential in `Authorization` and the challenge in `WWW-Authenticate`. */

/**
 * The bearer token of a request.
 * @returns undefined when no bearer credential was sent; an empty text when one is there but holds no token
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const match = /^bearer(?: +|$)(.*)$/is.exec(authorization);
  return match === null ? undefined : (match[1] as string);
}

/** Registered error codes of challenges (RFC 6750 section 3.1, RFC 9449 section 12.2). */
export type ChallengeError = "invalid_token" | "insufficient_scope" | "invalid_dpop_proof" | "use_dpop_nonce";

/**
 * `WWW-Authenticate` for a refusal (section 3): without `error` when no credential was sent.
 * @param realm host that was asked
 */
export function bearerChallenge(realm: string, error?: ChallengeError, scopes: readonly string[] = []): string {
  const parts = [`realm="${realm}"`];
  if (error !== undefined) parts.push(`error="${error}"`);
  if (error === "insufficient_scope") parts.push(`scope="${scopes.join(" ")}"`);
  return `Bearer ${parts.join(", ")}`;
}
