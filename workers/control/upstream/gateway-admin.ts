/** Calls of the gateway's own administrations: what they look after lies beside the gateway. */
import { SignJWT } from "jose";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
  type ControlTokenClaims,
} from "../../../shared/wire/control-token.ts";
import { fromBase64Url } from "../authority/bytes.ts";

export interface AdminQuestion {
  readonly method: string;
  /** Below `/v1`. */
  readonly pathAndQuery: string;
  /** Who asks, for the gateway's log. */
  readonly by: string;
  readonly body: ReadableStream | null;
  readonly timeoutMs: number;
}

/**
 * Passes a question on, under a token that is good for a minute.
 * @param failed the error of an answer that does not come
 * @returns the gateway's answer, refusals included
 * @throws SelvageError secret_missing, and what `failed` makes
 */
export async function askGateway(
  service: Fetcher,
  secret: string | undefined,
  role: ControlTokenClaims["role"],
  { method, pathAndQuery, by, body, timeoutMs }: AdminQuestion,
  failed: (cause: unknown) => SelvageError,
): Promise<Response> {
  const token = await tokenFor(secret, role, by);
  try {
    return await service.fetch(`http://gateway${pathAndQuery}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw failed(cause);
  }
}

/** Of tokens that the gateway checks. @throws SelvageError secret_missing */
export function gatewayKey(secret: string | undefined): Uint8Array {
  const key = secret === undefined ? undefined : fromBase64Url(secret);
  if (key !== undefined && key.length >= 32) return key;
  const detail = "KEY_ADMIN_SECRET must be 32 random bytes or more as base64url, here and at the gateway.";
  throw new SelvageError("secret_missing", detail, { members: { detail } });
}

async function tokenFor(secret: string | undefined, role: string, by: string): Promise<string> {
  const key = gatewayKey(secret);
  const issuedAt = Math.floor(Date.now() / 1000);
  return new SignJWT({ role })
    .setProtectedHeader({ alg: CONTROL_TOKEN_ALGORITHM, typ: CONTROL_TOKEN_TYPE })
    .setSubject(by)
    .setIssuer(CONTROL_TOKEN_ISSUER)
    .setAudience(CONTROL_TOKEN_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + limits.apiKeys.adminTokenLifetimeMs / 1000)
    .sign(key);
}
