/** From verified claims to an identity. */
import type { Identity } from "../identity/identity.ts";
import { scopesOf } from "./scopes.ts";

/**
 * @param claims payload whose signature, `iss`, `aud` and times were good
 * @returns the identity, or why the claims name nobody
 */
export function identityOfClaims(claims: Readonly<Record<string, unknown>>): Identity | string {
  const { sub, iss } = claims;
  if (typeof sub !== "string" || sub === "" || sub.length > 256) return "sub is missing or malformed";
  if (typeof iss !== "string") return "iss is missing";
  return { sub, issuer: iss, scopes: scopesOf(claims), claims, groups: [], method: "jwt" };
}
