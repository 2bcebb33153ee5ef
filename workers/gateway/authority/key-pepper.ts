/** Keys are stored as HMAC-SHA-256 under a pepper that only the gateway has: what lies on disk is of no use without it. */
import { base64url } from "jose";
import { SelvageError } from "../../../shared/errors.ts";
import type { Env } from "../env.ts";

type PepperEnv = Pick<Env, "KEY_PEPPER">;
let imported: { readonly text: string; readonly key: CryptoKey } | undefined;

/** @returns base64url, 43 characters @throws SelvageError secret_missing when `KEY_PEPPER` is not 32 bytes or more as base64url */
export async function hashKey(key: string, { KEY_PEPPER: text }: PepperEnv): Promise<string> {
  // A derived value, not a request's promise: isolates may share it.
  const pepper = imported !== undefined && imported.text === text ? imported.key : await importPepper(text);
  const mac = await crypto.subtle.sign("HMAC", pepper, encoder.encode(key));
  return base64url.encode(new Uint8Array(mac));
}

async function importPepper(text: string | undefined): Promise<CryptoKey> {
  const bytes = text === undefined || !/^[\w-]+$/.test(text) ? undefined : base64url.decode(text);
  if (text === undefined || bytes === undefined || bytes.length < 32)
    throw new SelvageError("secret_missing", "KEY_PEPPER must be 32 random bytes or more as base64url");
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  imported = { text, key };
  return key;
}

const encoder = new TextEncoder();
