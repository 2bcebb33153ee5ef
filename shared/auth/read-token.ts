/** What a JWT says, judged by all but its signature. */
import { refuseClaims } from "./jwt-claims.ts";
import type { JwtProvider } from "./providers.ts";
import { refuseTokenForm, refuseTokenHeader } from "./token-form.ts";

/** A token whose form and header were good; its signature was not looked at. */
export interface SignedToken {
  readonly token: string;
  readonly alg: string;
  readonly kid: string | undefined;
}

/** A token whose claims are those of its provider, too. */
export interface ReadToken extends SignedToken {
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The object in a segment whose form was good (`readJsonObject` of its bytes), or why there is none. */
export type SegmentReader = (segment: string) => Record<string, unknown> | string;

/** @returns the token, or why it is refused. No key was looked at: what is not for a provider must not make us ask its issuer. */
export function readToken(
  token: string,
  provider: JwtProvider,
  readSegment: SegmentReader,
  nowMs: number,
): ReadToken | string {
  const malformed = refuseTokenForm(token);
  if (malformed !== undefined) return malformed;
  const [first = "", second = ""] = token.split(".");
  const header = readSegment(first);
  if (typeof header === "string") return `the header ${header}`;
  const family = provider.keys !== undefined && "secret" in provider.keys ? "hmac" : "signature";
  const refused = refuseTokenHeader(header, provider.algorithms, family);
  if (refused !== undefined) return refused;
  const claims = readSegment(second);
  if (typeof claims === "string") return `the payload ${claims}`;
  const { alg, kid } = header as { alg: string; kid?: string };
  return refuseClaims(claims, provider, nowMs) ?? { token, alg, kid, claims };
}

/**
 * Whether a token that no key of a set has signed may be of a key that is newer than the set.
 * @param hadKey the set has keys of its `kid` and `alg`
 */
export function mayBeOfNewKey({ kid }: SignedToken, hadKey: boolean): boolean {
  // A token that names its key, which is there, is wrong itself.
  return !(hadKey && kid !== undefined);
}
