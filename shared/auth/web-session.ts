/** A browser's session as its cookie carries it, encrypted: who logged in, since when, and when it was last renewed. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { identityOfClaims } from "./jwt-claims.ts";
import type { OidcProvider } from "./providers.ts";
import { own } from "./scopes.ts";

type Claims = Readonly<Record<string, unknown>>;

export interface WebSession {
  /** Its shard in one hexadecimal digit, then 128 random bits as base64url. */
  readonly id: string;
  /** Of the login, and of the last renewal of the cookie; milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly renewedAtMs: number;
  /** `iss` and `sub` among them. */
  readonly claims: Claims;
}

/** A login that is under way, as its cookie carries it, encrypted. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  /** PKCE, RFC 7636. */
  readonly verifier: string;
  /** Where the browser goes afterwards; a path of this origin. */
  readonly returnTo: string;
  readonly startedAtMs: number;
}

export type SessionVerdict = { readonly due: boolean } | string;

/** Whether a session is within its times, and its cookie due to be renewed; else why it is over. */
export function judgeSession(
  { startedAtMs, renewedAtMs }: WebSession,
  { idleMs, absoluteMs }: Pick<OidcProvider, "idleMs" | "absoluteMs">,
  nowMs: number,
): SessionVerdict {
  if (nowMs >= startedAtMs + absoluteMs) return "the session has reached its longest life";
  if (nowMs >= renewedAtMs + idleMs) return "the session was idle for too long";
  return { due: nowMs >= renewedAtMs + idleMs / limits.login.renewalsInIdle };
}

/** Until when the cookie may live in a browser, milliseconds from now. */
export function cookieLifeMs(
  { startedAtMs, renewedAtMs }: WebSession,
  { idleMs, absoluteMs }: Pick<OidcProvider, "idleMs" | "absoluteMs">,
  nowMs: number,
): number {
  return Math.max(0, Math.min(startedAtMs + absoluteMs, renewedAtMs + idleMs) - nowMs);
}

/** @returns undefined when it is older than a login may take */
export function livePending(pending: PendingLogin, nowMs: number): PendingLogin | undefined {
  return nowMs < pending.startedAtMs + limits.login.pendingMs ? pending : undefined;
}

/** Claims about the token, and not about whom it names. */
const OF_THE_TOKEN = new Set(
  ["aud", "azp", "exp", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "events", "cnf", "scope"].concat([
    "session_state",
    "typ",
  ]),
);

/**
 * Claims that a session keeps.
 * @param stated claims of the ID token and of UserInfo
 * @param scopes what was granted
 */
export function sessionClaims(
  stated: Claims,
  scopes: readonly string[],
  { keep, claims: names }: OidcProvider,
): Claims {
  const kept: Record<string, unknown> = {};
  const wanted =
    keep && new Set(["iss", "sub", "iat", "sid", names?.groups ?? "groups", ...Object.values(names ?? {}), ...keep]);
  for (const [name, value] of Object.entries(stated))
    if (wanted === undefined ? !OF_THE_TOKEN.has(name) : wanted.has(name)) kept[name] = value;
  return { ...kept, scope: scopes.join(" ") };
}

/** Whom a session names, or why nobody. */
export function identityOfSession({ claims }: WebSession, { claims: names }: OidcProvider): Identity | string {
  const identity = identityOfClaims(claims, names);
  return typeof identity === "string" ? identity : { ...identity, method: "oidc" };
}

/** The session at the provider that this one came from (Back-Channel Logout 1.0 section 2.1). */
export function providerSessionOf(claims: Claims): string | undefined {
  const sid = own(claims, "sid");
  return typeof sid === "string" && sid !== "" && sid.length <= limits.identity.nameCharsMax ? sid : undefined;
}

/** @param hash of issuer, client and subject; sessions of one subject are in one shard */
export const shardOfSubject = (hash: Uint8Array): number => (hash[0] ?? 0) % limits.login.shards;
export const sessionId = (shard: number, random: string): string => shard.toString(16) + random;
export const shardOfSession = (id: string): number => Number.parseInt(id.charAt(0), 16);
