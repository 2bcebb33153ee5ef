/**
 * Token introspection (RFC 7662): which tokens an issuer is asked about, and what its answer makes of them. Signed answers
 * (RFC 9701) are not asked for.
 */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { identityOfClaims, refuseAudience, refuseTimes } from "./jwt-claims.ts";
import type { IntrospectionProvider } from "./providers.ts";
import { own } from "./scopes.ts";
import { readJsonObject } from "./strict-json.ts";

/** What an answer says of a token. */
export type Introspected =
  | { readonly kind: "identity"; readonly identity: Identity; readonly endsAtMs: number }
  | { readonly kind: "refused"; readonly reason: string }
  /** No answer of the standard. */
  | { readonly kind: "malformed"; readonly reason: string };

type Json = Readonly<Record<string, unknown>>;

/** RFC 6750 section 2.1. */
const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/**
 * Why a token is not asked about, or undefined.
 * @param payload of a token in the form of a JWT, as far as it can be read; undefined: it has another form
 */
export function refuseOpaqueToken(
  token: string,
  { prefix, jwts, issuer }: IntrospectionProvider,
  payload: Json | undefined,
): string | undefined {
  if (token.length > limits.identity.tokenBytesMax) return "token is too long";
  if (!B64TOKEN.test(token)) return "token is malformed";
  if (prefix !== undefined && !token.startsWith(prefix)) return `token does not begin with ${prefix}`;
  if (payload === undefined) return undefined;
  if (!jwts) return "a JWT, which this provider does not ask about";
  const { iss } = payload;
  // Whoever else issued it would not want it shown to this issuer.
  return typeof iss === "string" && iss !== issuer ? "a JWT of another issuer" : undefined;
}

/**
 * @param text body of the answer
 * @param payload of the token, as in `refuseOpaqueToken`
 * @param nowMs milliseconds since the epoch
 */
export function readIntrospection(
  text: string,
  provider: IntrospectionProvider,
  payload: Json | undefined,
  nowMs: number,
): Introspected {
  const told = readJsonObject(text);
  if (typeof told === "string") return { kind: "malformed", reason: `the answer ${told}` };
  // A bound JWT stays bound where its issuer does not repeat that: else it would pass here as Bearer, refused as what it is.
  const cnf = told.cnf === undefined ? payload?.cnf : told.cnf;
  const answer = cnf === undefined ? told : { ...told, cnf };
  const { active } = answer;
  if (typeof active !== "boolean") return { kind: "malformed", reason: "active is neither true nor false" };
  if (!active) return { kind: "refused", reason: "the token is not active" };
  const refused = refuseAnswer(answer, provider, nowMs);
  if (refused !== undefined) return { kind: "refused", reason: refused };
  const sub = provider.subject.map((name) => own(answer, name)).find((value) => value !== undefined);
  const named = identityOfClaims({ ...answer, sub, iss: provider.issuer }, provider.claims);
  if (typeof named === "string") return { kind: "refused", reason: named };
  const { exp } = answer;
  const endsAtMs = typeof exp === "number" ? exp * 1000 : Number.POSITIVE_INFINITY;
  return { kind: "identity", identity: { ...named, method: "introspection" }, endsAtMs };
}

/** What an active answer must not say, whatever the issuer made of the token. */
function refuseAnswer(answer: Json, provider: IntrospectionProvider, nowMs: number): string | undefined {
  const { iss } = answer;
  if (iss !== undefined && iss !== provider.issuer)
    return `iss is ${JSON.stringify(iss).slice(0, 200)}, expected ${provider.issuer}`;
  const { audiences, clockSkewMs } = provider;
  return (
    refuseKind(answer) ??
    (audiences === undefined ? undefined : refuseAudience(answer, audiences)) ??
    refuseTimes(answer, { clockSkewMs, unexpiring: true }, nowMs) ??
    // What it is bound to is shown with each request; that of a token of this type must be said (RFC 9449 section 6.2).
    (isDpop(answer) && answer.cnf === undefined ? "token_type is DPoP, and no cnf says of which key" : undefined)
  );
}

const isDpop = ({ token_type: type }: Json): boolean => typeof type === "string" && type.toLowerCase() === "dpop";

/** Issuers answer for refresh and ID tokens, too; those that say so do it in one of these members. */
const ACCESS_TOKENS: Readonly<Record<string, readonly string[]>> = {
  token_type: ["bearer", "dpop", "access_token"],
  token_use: ["access", "access_token"],
  typ: ["bearer", "jwt", "at+jwt", "application/at+jwt"],
};

function refuseKind(answer: Json): string | undefined {
  for (const [name, kinds] of Object.entries(ACCESS_TOKENS)) {
    const stated = answer[name];
    if (stated !== undefined && !(typeof stated === "string" && kinds.includes(stated.toLowerCase())))
      return `${name} is ${JSON.stringify(stated).slice(0, 100)}, which is no access token's`;
  }
  return undefined;
}

/** Times of an answer to a question that was sent at `askedAtMs`. */
export function believedUntil(
  { rememberMs, staleMs = 0 }: IntrospectionProvider,
  answer: Exclude<Introspected, { kind: "malformed" }>,
  askedAtMs: number,
): { readonly freshUntilMs: number; readonly staleUntilMs: number } {
  if (answer.kind === "refused") {
    const freshUntilMs = askedAtMs + limits.introspection.refusedMs;
    return { freshUntilMs, staleUntilMs: freshUntilMs };
  }
  const end = answer.endsAtMs;
  const remembered = askedAtMs + rememberMs;
  return { freshUntilMs: Math.min(remembered, end), staleUntilMs: Math.min(remembered + staleMs, end) };
}
