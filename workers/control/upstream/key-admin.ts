/** Calls of the gateway's administration of API keys: keys live beside the gateway, and only it has their pepper. */
import { SignJWT } from "jose";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
} from "../../../shared/wire/control-token.ts";
import { fromBase64Url } from "../authority/bytes.ts";
import type { Env } from "../env.ts";

/**
 * Passes a question on, under a token that is good for a minute.
 * @param pathAndQuery below `/v1`
 * @param by who asks, for the gateway's log
 * @returns the gateway's answer, refusals included
 * @throws SelvageError keys_unavailable, secret_missing
 */
export async function askKeyAdmin(
  env: Pick<Env, "KEY_ADMIN" | "KEY_ADMIN_SECRET">,
  method: string,
  pathAndQuery: string,
  by: string,
  body: ReadableStream | null,
): Promise<Response> {
  const token = await tokenFor(env.KEY_ADMIN_SECRET, by);
  const { importCallMs, adminCallMs } = limits.apiKeys;
  try {
    return await env.KEY_ADMIN.fetch(`http://gateway${pathAndQuery}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      body,
      signal: AbortSignal.timeout(pathAndQuery === "/keys/import" ? importCallMs : adminCallMs),
    });
  } catch (cause) {
    throw new SelvageError("keys_unavailable", `the gateway's administration of keys: ${String(cause)}`, {
      members: { detail: "The gateway's administration of keys did not answer." },
      cause,
    });
  }
}

function tokenFor(secret: string | undefined, by: string): Promise<string> {
  const key = secret === undefined ? undefined : fromBase64Url(secret);
  if (key === undefined || key.length < 32) {
    const detail = "KEY_ADMIN_SECRET must be 32 random bytes or more as base64url, here and at the gateway.";
    throw new SelvageError("secret_missing", detail, { members: { detail } });
  }
  const issuedAt = Math.floor(Date.now() / 1000);
  return new SignJWT({ role: "keys" })
    .setProtectedHeader({ alg: CONTROL_TOKEN_ALGORITHM, typ: CONTROL_TOKEN_TYPE })
    .setSubject(by)
    .setIssuer(CONTROL_TOKEN_ISSUER)
    .setAudience(CONTROL_TOKEN_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + limits.apiKeys.adminTokenLifetimeMs / 1000)
    .sign(key);
}
