/** Tokens of the control API: signing those of agents, believing all of them. */
import { errors, jwtVerify, SignJWT } from "jose";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
  type ControlTokenClaims,
  controlTokenClaimsSchema,
} from "../../../shared/wire/control-token.ts";
import { type Bytes, fromBase64Url } from "./bytes.ts";

/** @throws Error when `TOKEN_SECRET` is not at least 32 bytes as base64url */
function signingKey(tokenSecret: string | undefined): Bytes {
  const key = tokenSecret === undefined ? undefined : fromBase64Url(tokenSecret);
  if (key === undefined || key.length < 32) throw new Error("TOKEN_SECRET must be 32 random bytes as base64url");
  return key;
}

/** The holder of an agent's token. */
export interface TokenHolder {
  readonly service: string;
  readonly instance: string;
  /** `keyHash` of the key that is certified with it. */
  readonly key: string;
  /** The certificate is an outside issuer's. */
  readonly outside?: true;
}

/** The bearer token of one instance of a service. */
export function signAgentToken(
  tokenSecret: string | undefined,
  { instance, ...claims }: TokenHolder,
  lifetimeMs: number,
  nowMs: number,
): Promise<string> {
  const expiresAtMs = nowMs + lifetimeMs;
  return signToken(tokenSecret, instance, { role: "agent", ...claims }, nowMs, expiresAtMs);
}

/** A token of the API. @param sub who gets it */
export function signToken(
  tokenSecret: string | undefined,
  sub: string,
  claims: Omit<ControlTokenClaims, "sub" | "exp" | "jti"> & { readonly jti?: string },
  nowMs: number,
  expiresAtMs: number,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: CONTROL_TOKEN_ALGORITHM, typ: CONTROL_TOKEN_TYPE })
    .setSubject(sub)
    .setIssuer(CONTROL_TOKEN_ISSUER)
    .setAudience(CONTROL_TOKEN_AUDIENCE)
    .setIssuedAt(Math.floor(nowMs / 1000))
    .setExpirationTime(Math.floor(expiresAtMs / 1000))
    .sign(signingKey(tokenSecret));
}

/**
 * Claims of the token in an `Authorization` field.
 * @throws SelvageError credentials_missing or credentials_invalid
 */
export async function verifyControlToken(
  tokenSecret: string | undefined,
  authorization: string | null | undefined,
  nowMs: number,
): Promise<ControlTokenClaims> {
  const token = /^bearer +([\w.-]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw new SelvageError("credentials_missing", "no bearer token");
  if (token.length > limits.identity.tokenBytesMax) throw new SelvageError("credentials_invalid", "token is too long");
  const key = signingKey(tokenSecret);
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [CONTROL_TOKEN_ALGORITHM],
      typ: CONTROL_TOKEN_TYPE,
      issuer: CONTROL_TOKEN_ISSUER,
      audience: CONTROL_TOKEN_AUDIENCE,
      requiredClaims: ["exp"],
      currentDate: new Date(nowMs),
    });
    const claims = controlTokenClaimsSchema.safeParse(payload);
    const isOwner = claims.data?.role === "owner";
    if (claims.success && isOwner === (claims.data.owners !== undefined)) return claims.data;
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new SelvageError("credentials_invalid", error.message, { cause: error });
  }
  throw new SelvageError("credentials_invalid", "claims are not those of a control token");
}
