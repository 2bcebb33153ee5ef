import { SignJWT } from "jose";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
  type ControlTokenClaims,
} from "../../shared/wire/control-token.ts";

/**
 * A token of the control API.
 * @param tokenSecret the control plane's TOKEN_SECRET, base64url
 * @param lifetimeMs how long it is good for, in milliseconds
 */
export async function mintControlToken(
  tokenSecret: string,
  claims: Omit<ControlTokenClaims, "exp" | "jti"> & { readonly jti?: string },
  lifetimeMs: number,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: CONTROL_TOKEN_ALGORITHM, typ: CONTROL_TOKEN_TYPE })
    .setIssuer(CONTROL_TOKEN_ISSUER)
    .setAudience(CONTROL_TOKEN_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(Math.floor((Date.now() + lifetimeMs) / 1000))
    .sign(Buffer.from(tokenSecret, "base64url"));
}
