/** Signatures by which agents show that they have a key: ECDSA P-256 with SHA-256, IEEE P1363 form. */
import { type Bytes, fromBase64, toBase64Url, utf8 } from "./bytes.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** What a public key is known by: SHA-256, base64url. @param spki DER of its SubjectPublicKeyInfo */
export async function keyHash(spki: Bytes | ArrayBuffer): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", spki)));
}

/** @param key SPKI, base64 of the DER @returns its hash; undefined for what is no P-256 key */
export async function knownAs(key: string): Promise<string | undefined> {
  const spki = fromBase64(key);
  if (spki === undefined || (await importKey(spki)) === undefined) return undefined;
  return keyHash(spki);
}

/** @param key SPKI, base64 of the DER @param proof base64 */
export async function isSignedBy(key: string, proof: string, text: string): Promise<boolean> {
  const [spki, signature] = [fromBase64(key), fromBase64(proof)];
  const imported = spki === undefined ? undefined : await importKey(spki);
  if (imported === undefined || signature === undefined) return false;
  return crypto.subtle.verify(ECDSA, imported, signature, utf8(text));
}

function importKey(spki: Bytes): Promise<CryptoKey | undefined> {
  return crypto.subtle.importKey("spki", spki, ECDSA, false, ["verify"]).catch(() => undefined);
}
