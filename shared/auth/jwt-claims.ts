/** From verified claims (RFC 7519 section 4.1) to an identity, or why they are not accepted. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { ClaimNames, JwtProvider } from "./providers.ts";
import { own, scopesOf } from "./scopes.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Why claims of a token are refused, or undefined. Its signature is somebody else's work.
 * @param nowMs milliseconds since the epoch
 */
export function refuseClaims(claims: Claims, provider: JwtProvider, nowMs: number): string | undefined {
  const { iss } = claims;
  if (iss !== provider.issuer) return `iss is ${shown(iss)}, expected ${provider.issuer}`;
  return refuseAudience(claims, provider.audiences) ?? refuseTimes(claims, provider, nowMs);
}

/** @param audiences one of them must be in `aud` */
export function refuseAudience({ aud }: Claims, audiences: readonly string[]): string | undefined {
  const stated = Array.isArray(aud) ? aud : [aud];
  if (stated.some((one) => typeof one === "string" && audiences.includes(one))) return undefined;
  return `aud is ${shown(aud)}, expected ${audiences.join(" or ")}`;
}

export function refuseTimes(
  claims: Claims,
  provider: Pick<JwtProvider, "clockSkewMs" | "tokenAgeMsMax" | "unexpiring">,
  nowMs: number,
): string | undefined {
  const { exp, nbf, iat } = claims;
  const { clockSkewMs: skew, tokenAgeMsMax, unexpiring } = provider;
  for (const [name, value] of Object.entries({ exp, nbf, iat }))
    if (value !== undefined && !(typeof value === "number" && Number.isFinite(value))) return `${name} is not a number`;
  if (exp === undefined && unexpiring !== true) return "exp is missing";
  if (nowMs >= endOf(exp as number | undefined) + skew)
    return `expired ${Math.floor((nowMs - endOf(exp as number)) / 1000)}s ago`;
  if (typeof nbf === "number" && nbf * 1000 > nowMs + skew) return "not valid yet (nbf)";
  if (typeof iat === "number" && iat * 1000 > nowMs + skew) return "issued in the future (iat)";
  if (tokenAgeMsMax === undefined) return undefined;
  if (typeof iat !== "number") return "iat is missing, and the token's age is bounded";
  return nowMs >= iat * 1000 + tokenAgeMsMax + skew ? "older than this provider accepts (iat)" : undefined;
}

/** Until when accepted claims stay accepted, milliseconds since the epoch. */
export function acceptedUntilMs({ exp, iat }: Claims, provider: JwtProvider, nowMs: number): number {
  const { clockSkewMs, tokenAgeMsMax } = provider;
  const end = Math.min(
    endOf(typeof exp === "number" ? exp : undefined),
    tokenAgeMsMax === undefined || typeof iat !== "number" ? Number.POSITIVE_INFINITY : iat * 1000 + tokenAgeMsMax,
  );
  return Number.isFinite(end) ? end + clockSkewMs : nowMs + limits.identity.rememberedUnexpiringMs;
}

const endOf = (exp: number | undefined): number => (exp === undefined ? Number.POSITIVE_INFINITY : exp * 1000);

/**
 * @param claims payload whose signature, `iss`, `aud` and times were good
 * @returns the identity, or why the claims name nobody
 */
export function identityOfClaims(claims: Claims, names: ClaimNames = {}): Identity | string {
  const { sub, iss } = claims;
  if (!isName(sub)) return "sub is missing or malformed";
  if (typeof iss !== "string") return "iss is missing";
  const consumer = names.consumer === undefined ? undefined : own(claims, names.consumer);
  const plan = names.plan === undefined ? undefined : own(claims, names.plan);
  return {
    sub,
    issuer: iss,
    scopes: scopesOf(claims, names.scopes),
    claims,
    ...(isName(consumer) && { consumer }),
    ...(isName(plan) && { plan }),
    groups: groupsOf(own(claims, names.groups ?? "groups")),
    method: "jwt",
  };
}

/** A list of names, or one name. */
function groupsOf(stated: unknown): string[] {
  const all: unknown[] = Array.isArray(stated) ? stated : [stated];
  return [...new Set(all.filter(isName))];
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= limits.identity.nameCharsMax;
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 200);
}
