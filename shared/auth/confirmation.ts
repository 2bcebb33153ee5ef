/** What a token is bound to (`cnf`, RFC 7800): a DPoP key (RFC 9449 section 6.1) or a client certificate (RFC 8705 section 3.1). */
import { isCanonicalBase64url } from "../http/base64.ts";
import { own } from "./scopes.ts";

/** How a provider's tokens must be bound. */
export interface TokenBinding {
  /** `accepted`: only says so in challenges, for bound tokens are always held to what they are bound to. */
  readonly dpop?: "accepted" | "required";
  readonly certificate?: "required";
  /** Proofs must hold a nonce of the gateway. */
  readonly nonce?: true;
}

export type Confirmation =
  | { readonly kind: "none" }
  /** SHA-256 thumbprints in base64url: of the key, of the certificate. */
  | { readonly kind: "dpop" | "certificate"; readonly thumbprint: string };

/**
 * @param claims of a token that is good otherwise
 * @returns what it is bound to, or why that cannot be shown here: what is not understood binds still
 */
export function readConfirmation(claims: Readonly<Record<string, unknown>>): Confirmation | string {
  const cnf = own(claims, "cnf");
  if (cnf === undefined) return { kind: "none" };
  if (typeof cnf !== "object" || cnf === null || Array.isArray(cnf)) return "cnf is not an object";
  const entries = Object.entries(cnf);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) return "cnf has not exactly one member";
  const [member, thumbprint] = entry;
  const kind = member === "jkt" ? "dpop" : member === "x5t#S256" ? "certificate" : undefined;
  if (kind === undefined) return `cnf has an unknown member (${member.slice(0, 64)})`;
  if (typeof thumbprint !== "string" || thumbprint.length !== SHA256_CHARS || !isCanonicalBase64url(thumbprint))
    return `cnf.${member} is no SHA-256 thumbprint`;
  return { kind, thumbprint };
}

const SHA256_CHARS = 43;

/** Schemes of `Authorization` that carry access tokens. */
export type TokenScheme = "bearer" | "dpop";

/** The token of a request by either scheme. @returns undefined when there is none; an empty text when the scheme stands alone */
export function accessToken(authorization: string | undefined): { scheme: TokenScheme; token: string } | undefined {
  const match = /^(bearer|dpop)(?: +|$)(.*)$/is.exec(authorization ?? "");
  if (match === null) return undefined;
  const [, scheme = "", token = ""] = match;
  return { scheme: scheme.toLowerCase() as TokenScheme, token };
}

/**
 * Why a token may not be shown in this way, whatever proof comes with it, or undefined. RFC 9449 sections 7.1 and 7.2: a
 * token that is bound to a key comes by the scheme DPoP, any other does not.
 */
export function refuseBinding(
  confirmation: Confirmation,
  scheme: TokenScheme,
  { dpop, certificate }: TokenBinding,
): string | undefined {
  const { kind } = confirmation;
  if (dpop === "required" && kind !== "dpop") return "the token is not bound to a DPoP key";
  if (certificate === "required" && kind !== "certificate") return "the token is not bound to a certificate";
  if (kind === "dpop" && scheme !== "dpop") return "the token is bound to a DPoP key and came as Bearer";
  if (kind !== "dpop" && scheme === "dpop") return "the token is not bound to a DPoP key and came by the scheme DPoP";
  return undefined;
}
