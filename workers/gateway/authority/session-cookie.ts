/**
 * Contents of the gateway's own cookies: JSON under AES-256-GCM, with a key that is derived (HKDF, RFC 5869) from
 * `SESSION_SECRET`. What a cookie is for, and for which provider and host, is authenticated with it, so that none can stand
 * for another.
 */
import { base64url } from "jose";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { isCanonicalBase64url } from "../../../shared/http/base64.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { deriveKey } from "./derived-key.ts";

type SecretEnv = Pick<Env, "SESSION_SECRET" | "SESSION_SECRET_OLD">;

export interface CookieScope {
  readonly kind: "session" | "login" | "hint";
  readonly provider: Pick<OidcProvider, "name" | "issuer" | "clientId">;
  /** Lower case, without port. */
  readonly host: string;
}

export interface Opened {
  readonly content: unknown;
  /** It was sealed under the secret before this one, so it should be sealed anew. */
  readonly isOld: boolean;
}

const VERSION = "1";
const NONCE_BYTES = 12;
const encoder = new TextEncoder();
/** Derived values, not a request's promises: isolates may share them. */
const derived = new Map<string, CryptoKey>();

/** @returns base64url behind the version @throws SelvageError secret_missing */
export async function seal(content: unknown, scope: CookieScope, env: SecretEnv): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const key = await keyOf(env.SESSION_SECRET, "SESSION_SECRET");
  const text = encoder.encode(JSON.stringify(content));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: bound(scope) }, key, text);
  const sealed = new Uint8Array(NONCE_BYTES + box.byteLength);
  sealed.set(nonce);
  sealed.set(new Uint8Array(box), NONCE_BYTES);
  return VERSION + base64url.encode(sealed);
}

/** @returns undefined for what was not sealed here for this scope, or was changed since @throws SelvageError secret_missing */
export async function open(sealed: string, scope: CookieScope, env: SecretEnv): Promise<Opened | undefined> {
  const bytes = sealed.startsWith(VERSION) ? bytesOf(sealed.slice(1)) : undefined;
  if (bytes === undefined || bytes.length <= NONCE_BYTES) return undefined;
  const newest = await decrypt(bytes, scope, await keyOf(env.SESSION_SECRET, "SESSION_SECRET"));
  if (newest !== undefined) return { content: newest, isOld: false };
  if (!env.SESSION_SECRET_OLD) return undefined;
  const older = await decrypt(bytes, scope, await keyOf(env.SESSION_SECRET_OLD, "SESSION_SECRET_OLD"));
  return older === undefined ? undefined : { content: older, isOld: true };
}

async function decrypt(bytes: Uint8Array<ArrayBuffer>, scope: CookieScope, key: CryptoKey): Promise<unknown> {
  const iv = bytes.subarray(0, NONCE_BYTES);
  try {
    const algorithm = { name: "AES-GCM", iv, additionalData: bound(scope) };
    const text = await crypto.subtle.decrypt(algorithm, key, bytes.subarray(NONCE_BYTES));
    return JSON.parse(new TextDecoder().decode(text));
  } catch {
    return undefined;
  }
}

function bound({ kind, provider, host }: CookieScope): Uint8Array {
  const { name, issuer, clientId } = provider;
  return encoder.encode(JSON.stringify([VERSION, kind, name, issuer, clientId, host]));
}

async function keyOf(text: string | undefined, name: string): Promise<CryptoKey> {
  const known = text === undefined ? undefined : derived.get(text);
  if (known !== undefined) return known;
  const secret = text === undefined ? undefined : bytesOf(text);
  if (text === undefined || secret === undefined || secret.length < limits.login.secretBytesMin)
    throw new SelvageError("secret_missing", `${name} must be 32 random bytes or more as base64url`);
  const aes = { name: "AES-GCM", length: 256 };
  const key = await deriveKey(secret, "selvage session v1", aes, ["encrypt", "decrypt"]);
  if (derived.size >= DERIVED_MAX) derived.clear();
  derived.set(text, key);
  return key;
}

/** The newest secret and the one before. */
const DERIVED_MAX = 2;

/** Undefined for what is not canonical base64url: one cookie has one spelling. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> | undefined {
  return isCanonicalBase64url(text) ? new Uint8Array(base64url.decode(text)) : undefined;
}
