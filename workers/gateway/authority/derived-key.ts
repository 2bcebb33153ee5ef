/**
 * A key for one purpose, from a secret that has others, too: HKDF with SHA-256 (RFC 5869).
 * @param purpose tells it from every other key of the same secret
 */
export async function deriveKey(
  secret: Uint8Array,
  purpose: string,
  algorithm: { readonly name: string; readonly length: number; readonly hash?: string },
  usages: readonly string[],
): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode(purpose);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
  return crypto.subtle.deriveKey(hkdf, base, algorithm, false, [...usages]);
}
