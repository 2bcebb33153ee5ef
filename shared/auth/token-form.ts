/**
 * The form of a compact JWS (RFC 7515 section 3.1), checked before a library reads it: libraries differ in what else they
 * take for base64url (white space, padding, stray bits), and two spellings of one token must not be two tokens.
 */
import { isCanonicalBase64url } from "../http/base64.ts";
import { limits } from "../limits.ts";
import { hmacAlgorithms, signatureAlgorithms } from "./jwk.ts";

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** Why a text is no well-formed signed token, or undefined when it is. */
export function refuseTokenForm(token: string): string | undefined {
  if (token.length > limits.identity.tokenBytesMax) return "token is too long";
  const parts = COMPACT.exec(token);
  if (parts === null) return "token is not three base64url segments";
  for (let at = 1; at <= 3; at++)
    if (!isCanonicalBase64url(parts[at] as string)) return "token is not canonical base64url";
  return undefined;
}

/** Types that stand for an access or ID token; all others are made for something else (RFC 8725 section 3.11). */
const TYPES = new Set(["jwt", "at+jwt", "application/at+jwt", "application/jwt"]);

/**
 * Why a token's protected header is refused, or undefined. Keys that a token brings along (`jwk`, `jku`, `x5u`, `x5c`) are
 * never used, so they need no refusal.
 * @param algorithms what the plan allows
 * @param family what the provider has keys for, whatever a plan says: a public key never is the secret of an HMAC
 */
export function refuseTokenHeader(
  header: Readonly<Record<string, unknown>>,
  algorithms: readonly string[],
  family: "signature" | "hmac" = "signature",
): string | undefined {
  const { alg, typ, kid, crit, b64 } = header;
  if (typeof alg !== "string" || !families[family].includes(alg) || !algorithms.includes(alg))
    return "alg is not allowed";
  if (crit !== undefined || b64 !== undefined) return "crit is not supported";
  if (typ !== undefined && (typeof typ !== "string" || !TYPES.has(typ.toLowerCase())))
    return "typ is not an access token's";
  if (kid !== undefined && (typeof kid !== "string" || kid.length > limits.identity.nameCharsMax))
    return "kid is malformed";
  return undefined;
}

const families: Readonly<Record<"signature" | "hmac", readonly string[]>> = {
  signature: signatureAlgorithms,
  hmac: hmacAlgorithms,
};
