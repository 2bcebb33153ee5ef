/** The key that Txn-Tokens are signed with: as a JWK from the control plane, as a CryptoKey in use, sealed at rest. */
import { base64url, importJWK, type JWK } from "jose";
import { TXN_TOKEN_ALGORITHM } from "../../../shared/identity/txn-token.ts";
import { deriveKey } from "./derived-key.ts";

export interface SigningKey {
  readonly kid: string;
  readonly jwk: JWK;
  readonly key: CryptoKey;
}

/** @throws when the JWK is no private EC P-256 key */
export async function importSigningKey(jwk: JWK): Promise<SigningKey> {
  const key = await importJWK(jwk, TXN_TOKEN_ALGORITHM);
  if (typeof jwk.kid !== "string" || !(key instanceof CryptoKey) || key.type !== "private")
    throw new TypeError("signing key is not a private EC key with a kid");
  return { kid: jwk.kid, jwk, key };
}

/** Keys as JSON under AES-256-GCM: base64url of nonce and ciphertext. */
export async function sealKeys(keys: object, secret: string): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const text = new TextEncoder().encode(JSON.stringify(keys));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await sealingKey(secret), text);
  const sealed = new Uint8Array(NONCE_BYTES + box.byteLength);
  sealed.set(nonce);
  sealed.set(new Uint8Array(box), NONCE_BYTES);
  return base64url.encode(sealed);
}

/** @throws when it was sealed under another secret or changed since */
export async function openKeys(sealed: string, secret: string): Promise<unknown> {
  const bytes = base64url.decode(sealed);
  const iv = bytes.subarray(0, NONCE_BYTES);
  const box = bytes.subarray(NONCE_BYTES);
  const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await sealingKey(secret), box);
  return JSON.parse(new TextDecoder().decode(text));
}

const NONCE_BYTES = 12;

function sealingKey(secret: string): Promise<CryptoKey> {
  const aes = { name: "AES-GCM", length: 256 };
  return deriveKey(new TextEncoder().encode(secret), "selvage last good v1", aes, ["encrypt", "decrypt"]);
}
