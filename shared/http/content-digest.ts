/** `Content-Digest` (RFC 9530 section 2). Computing digests is the hosts' work. */
import { limits } from "../limits.ts";
import { readStrictDictionary } from "./strict-dictionary.ts";

export interface Digest {
  /** As WebCrypto calls it. */
  readonly algorithm: "SHA-256" | "SHA-512";
  readonly bytes: Uint8Array;
}

/** Active algorithms (section 5); the others are broken or no digests, and count as not there. */
const ALGORITHMS: ReadonlyMap<string, { readonly algorithm: Digest["algorithm"]; readonly size: number }> = new Map([
  ["sha-256", { algorithm: "SHA-256", size: 32 }],
  ["sha-512", { algorithm: "SHA-512", size: 64 }],
]);

/**
 * What a content must have as digests, all of them.
 * @param field value of `Content-Digest`, all lines joined
 * @returns at least one, or why the field proves nothing
 */
export function readContentDigest(field: string): readonly Digest[] | string {
  const { digestBytesMax, digestsMax } = limits.signature;
  const dictionary = readStrictDictionary(field, digestBytesMax, digestsMax);
  if (typeof dictionary === "string") return `Content-Digest ${dictionary}`;
  const digests: Digest[] = [];
  for (const [name, [value]] of dictionary) {
    const known = ALGORITHMS.get(name);
    if (known === undefined) continue;
    if (!(value instanceof ArrayBuffer) || value.byteLength !== known.size)
      return `Content-Digest: ${name} is no digest of ${known.size} bytes`;
    digests.push({ algorithm: known.algorithm, bytes: new Uint8Array(value) });
  }
  return digests.length > 0 ? digests : "Content-Digest has neither sha-256 nor sha-512";
}
