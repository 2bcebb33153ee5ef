/** Whether a token was signed by one of an issuer's public keys. Key sets are shared by every kind of token of an issuer. */
import { base64url, compactVerify, importJWK } from "jose";
import type { KeySource } from "../../../shared/auth/discovery.ts";
import { keysFor, type PublicJwk } from "../../../shared/auth/jwk.ts";
import { mayBeOfNewKey, type SignedToken } from "../../../shared/auth/read-token.ts";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import { type KeySet, KeySets } from "./key-sets.ts";
import type { ProofContext } from "./verifier.ts";

export class TokenSignatures {
  readonly keySets = new KeySets();
  readonly #imported = new WeakMap<PublicJwk, Map<string, CryptoKey>>();

  /**
   * @param from where the issuer's keys are, or the keys themselves
   * @returns the keys that it is good by, or why it is not
   * @throws SelvageError issuer_unavailable, limit_exceeded
   */
  async prove(
    signed: SignedToken,
    from: KeySource | KeySet,
    { ctx, nowMs }: Pick<ProofContext, "ctx" | "nowMs">,
  ): Promise<KeySet | string> {
    const source = "keys" in from ? undefined : from;
    let keys = "keys" in from ? from : await this.keySets.keysOf(from, ctx, nowMs);
    for (;;) {
      const found = await this.#tryKeys(signed, keys);
      if (found === "good") return keys;
      if (source === undefined || !mayBeOfNewKey(signed, found === "bad")) return reasons[found];
      const newer = await this.keySets.keysAfterMiss(source, keys, signed.kid, ctx, nowMs);
      if (newer === undefined) return reasons[found];
      keys = newer;
    }
  }

  async #tryKeys(signed: SignedToken, { keys }: KeySet): Promise<"good" | "bad" | "no key"> {
    const candidates = keysFor(keys, signed.alg, signed.kid);
    for (const jwk of candidates) {
      const key = await this.#import(jwk, signed.alg);
      if (key !== undefined && (await isSignedWith(signed, key))) return "good";
    }
    return candidates.length === 0 ? "no key" : "bad";
  }

  /** Undefined for what has the form of a key but is none, such as a point that is not on its curve. */
  async #import(jwk: PublicJwk, alg: string): Promise<CryptoKey | undefined> {
    const known = this.#imported.get(jwk)?.get(alg);
    if (known !== undefined) return known;
    const key = await importJWK({ ...jwk }, alg).catch(() => undefined);
    if (!(key instanceof CryptoKey)) return undefined;
    const byAlgorithm = this.#imported.get(jwk) ?? new Map<string, CryptoKey>();
    this.#imported.set(jwk, byAlgorithm.set(alg, key));
    return key;
  }
}

const reasons = { bad: "the signature is of none of the keys", "no key": "no key of that kid and alg" } as const;

/** Whatever goes wrong in a check, the signature was not shown to be good. */
export async function isSignedWith(
  { token, alg }: Pick<SignedToken, "token" | "alg">,
  key: CryptoKey | Uint8Array,
): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

/** The object in a segment of a token whose form was good, or why there is none. */
export function readSegment(segment: string): Record<string, unknown> | string {
  try {
    return readJsonObject(utf8.decode(base64url.decode(segment)));
  } catch {
    return "is not UTF-8";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
