/** Logout tokens of OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6. The signature is the host's work. */
import { limits } from "../limits.ts";
import type { OidcProvider } from "./providers.ts";
import { refuseTokenHeader } from "./token-form.ts";

type Json = Readonly<Record<string, unknown>>;

/** Whom a provider logged out: one session, or all of a subject. */
export interface LogoutOrder {
  readonly jti: string;
  readonly sub?: string;
  readonly sid?: string;
}

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** The token's own type, or none that says what it is, as older providers have it: the event says the rest. */
const TYPES = new Set(["logout+jwt", "application/logout+jwt", "jwt"]);

/** Why the header of a logout token is refused, or undefined. */
export function refuseLogoutHeader(header: Json, { algorithms }: Pick<OidcProvider, "algorithms">): string | undefined {
  const { typ, ...rest } = header;
  if (typ !== undefined && (typeof typ !== "string" || !TYPES.has(typ.toLowerCase())))
    return "typ is not a logout token's";
  return refuseTokenHeader(rest, algorithms);
}

/** @param nowMs milliseconds since the epoch @returns what is ordered, or why the claims are no order to this client */
export function readLogoutClaims(claims: Json, provider: OidcProvider, nowMs: number): LogoutOrder | string {
  const { iss, aud, nonce, events, jti, sub, sid } = claims;
  if (iss !== provider.issuer) return "iss is another issuer";
  if (!(Array.isArray(aud) ? aud : [aud]).includes(provider.clientId)) return "aud is another client";
  if (nonce !== undefined) return "it has a nonce, as an ID token has";
  if (!isLogoutEvent(events)) return "events does not hold the logout event";
  if (!isName(jti)) return "jti is missing or malformed";
  if (sub === undefined && sid === undefined) return "neither sub nor sid";
  if ((sub !== undefined && !isName(sub)) || (sid !== undefined && !isName(sid))) return "sub or sid is malformed";
  const refused = refuseTimes(claims, provider.clockSkewMs, nowMs);
  if (refused !== undefined) return refused;
  return { jti, ...(isName(sub) && { sub }), ...(isName(sid) && { sid }) };
}

/** How long a token's `jti` must be remembered, milliseconds since the epoch: afterwards it is too old. */
export const logoutTokenEndMs = ({ clockSkewMs }: OidcProvider, nowMs: number): number =>
  nowMs + limits.login.logoutTokenAgeMs + 2 * clockSkewMs;

function refuseTimes({ iat, exp }: Json, skewMs: number, nowMs: number): string | undefined {
  if (typeof iat !== "number" || !Number.isFinite(iat)) return "iat is missing or malformed";
  if (typeof exp !== "number" || !Number.isFinite(exp)) return "exp is missing or malformed";
  if (nowMs >= exp * 1000 + skewMs) return "expired";
  if (iat * 1000 > nowMs + skewMs) return "issued in the future";
  return nowMs >= iat * 1000 + limits.login.logoutTokenAgeMs + skewMs ? "issued too long ago" : undefined;
}

function isLogoutEvent(events: unknown): boolean {
  if (typeof events !== "object" || events === null || !Object.hasOwn(events, EVENT)) return false;
  const event = (events as Json)[EVENT];
  return typeof event === "object" && event !== null && !Array.isArray(event);
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= limits.identity.nameCharsMax;
}
