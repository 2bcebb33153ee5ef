/** What a transaction token says and when it is believed; signing and checking signatures is the hosts' work. */
import type { Identity } from "../identity/identity.ts";
import { GATEWAY_SERVICE, spiffeIdOf } from "../identity/spiffe-id.ts";
import type { TxnTokenClaims } from "../identity/txn-token.ts";
import { limits } from "../limits.ts";
import type { TxnContext } from "./txn-context.ts";

/** Claims for one (identity, scopes, route, context). @param txn random id */
export function txnTokenClaims(
  identity: Identity,
  route: string,
  trustDomain: string,
  txn: string,
  nowMs: number,
  context: TxnContext["values"] = {},
): TxnTokenClaims {
  const iat = Math.floor(nowMs / 1000);
  return {
    iat,
    exp: iat + limits.txnToken.lifetimeMs / 1000,
    aud: trustDomain,
    txn,
    sub: identity.sub,
    scope: identity.scopes.join(" "),
    req_wl: spiffeIdOf(trustDomain, GATEWAY_SERVICE),
    tctx: { ...context, route },
    rctx: { issuer: identity.issuer, method: identity.method },
  };
}

/**
 * Why verified claims are not accepted, or undefined when they are.
 * @param claims payload of a token whose signature was good
 */
export function refuseTxnToken(
  claims: Readonly<Record<string, unknown>>,
  trustDomain: string,
  nowMs: number,
): string | undefined {
  const { iat, exp, aud, sub, scope, txn, req_wl } = claims;
  const skew = limits.txnToken.clockSkewMs;
  if (typeof iat !== "number" || typeof exp !== "number") return "iat or exp is missing";
  if (typeof sub !== "string" || typeof scope !== "string" || typeof txn !== "string")
    return "sub, scope or txn is missing";
  if (aud !== trustDomain) return "aud is not this trust domain";
  if (req_wl !== spiffeIdOf(trustDomain, GATEWAY_SERVICE)) return "req_wl is not the gateway";
  if (nowMs > exp * 1000 + skew) return "expired";
  if (nowMs < iat * 1000 - skew) return "issued in the future";
  if (exp * 1000 - iat * 1000 > limits.txnToken.lifetimeMs) return "lives longer than allowed";
  return undefined;
}

/** Scopes of verified claims. */
export function txnTokenScopes(claims: Pick<TxnTokenClaims, "scope">): string[] {
  return claims.scope.split(" ").filter((scope) => scope !== "");
}
