/** Keys and tokens of the shop's test identity provider. For tests and demonstrations only. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";

export const AUDIENCE = "shop-api";
export const ALGORITHM = "ES256";
export const TOKEN_LIFETIME_SECONDS = 3600;

/** The provider's `iss`, with the slash at its end. */
export function issuerOf(port: number): string {
  return `http://127.0.0.1:${port}/`;
}

/** Where the provider keeps its key. @param folder the provider's own state folder */
export function keyFileOf(folder: string): string {
  return path.join(folder, "key.json");
}

/** The provider's private key; made on first use, so that tokens outlive a restart. */
export async function openKey(folder: string): Promise<JWK> {
  const file = keyFileOf(folder);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    const jwk = await exportJWK(privateKey);
    const temporary = `${file}.${process.pid}.tmp`;
    writeFileSync(temporary, JSON.stringify({ ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM }), {
      mode: 0o600,
    });
    renameSync(temporary, file);
  }
  return readKey(folder);
}

/** @throws Error when there is no key yet */
export function readKey(folder: string): JWK {
  return JSON.parse(readFileSync(keyFileOf(folder), "utf8")) as JWK;
}

/** What others may know of the key. */
export function publicKeyOf({ kty, crv, x, y, kid, alg }: JWK): Record<string, unknown> {
  return { kty, crv, x, y, kid, alg, use: "sig" };
}

export interface TokenRequest {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** No `scope` claim at all when empty. */
  readonly scopes: readonly string[];
  /** Seconds from now; negative for a token that has expired already. */
  readonly expiresInSeconds: number;
}

/** A signed access token. @param nowMs milliseconds since the epoch */
export async function signToken(key: JWK, request: TokenRequest, nowMs: number): Promise<string> {
  const now = Math.floor(nowMs / 1000);
  const expires = now + request.expiresInSeconds;
  return new SignJWT(request.scopes.length > 0 ? { scope: request.scopes.join(" ") } : {})
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: key.kid ?? "" })
    .setIssuer(request.issuer)
    .setSubject(request.subject)
    .setAudience(request.audience)
    .setIssuedAt(Math.min(now, expires))
    .setExpirationTime(expires)
    .setJti(randomUUID())
    .sign(await importJWK(key, ALGORITHM));
}
