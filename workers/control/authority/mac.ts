/** HMAC-SHA-256 that binds enrolment to a join token, see `shared/wire/enrolment.ts`. */
import { type Bytes, utf8 } from "./bytes.ts";

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** @param raw SHA-256 of the join token's secret */
export function importMacKey(raw: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]);
}

export async function mac(key: CryptoKey, text: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(HMAC, key, utf8(text)));
}

/** Compared in constant time. */
export function macIsGood(key: CryptoKey, given: Bytes, text: string): Promise<boolean> {
  return crypto.subtle.verify(HMAC, key, given, utf8(text));
}
