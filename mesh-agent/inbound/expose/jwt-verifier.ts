/** Who a JWT names, or why it is refused. Tokens that were good are remembered until they end or the keys change. */
import { type CryptoKey, compactVerify, importJWK } from "jose";
import { accessToken, readConfirmation, refuseBinding } from "../../../shared/auth/confirmation.ts";
import { type KeySource, keySourceOf } from "../../../shared/auth/discovery.ts";
import { keysFor, type PublicJwk } from "../../../shared/auth/jwk.ts";
import { acceptedUntilMs, identityOfClaims } from "../../../shared/auth/jwt-claims.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { mayBeOfNewKey, readToken, type SignedToken } from "../../../shared/auth/read-token.ts";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { KeySet, KeySets } from "./key-sets.ts";

interface Remembered {
  readonly identity: Identity;
  readonly untilMs: number;
  readonly keys: KeySet;
}

/** What belongs to one provider. A new plan has new providers, so what an older one let in never bypasses its settings. */
interface Memory {
  readonly tokens: BoundedMap<Remembered>;
  /** Absent: the keys are in the plan. */
  readonly source: KeySource | undefined;
  readonly ownKeys: KeySet;
}

export class JwtVerifier {
  readonly #keySets: KeySets;
  readonly #memories = new WeakMap<JwtProvider, Memory>();
  readonly #imported = new WeakMap<PublicJwk, Map<string, Promise<CryptoKey | undefined>>>();

  constructor(keySets: KeySets) {
    this.#keySets = keySets;
  }

  /**
   * @param authorization the field's value
   * @param nowMs milliseconds since the epoch
   * @returns undefined when it holds no access token; at once when the token was seen before
   * @throws SelvageError issuer_unavailable, limit_exceeded, as a rejection
   */
  verify(
    authorization: string | undefined,
    provider: JwtProvider,
    nowMs: number,
  ): Identity | string | Promise<Identity | string> | undefined {
    const shown = accessToken(authorization);
    if (shown === undefined) return undefined;
    const { scheme, token } = shown;
    const memory = this.#memory(provider);
    const known = memory.tokens.get(token);
    if (known !== undefined) {
      const keys = memory.source === undefined ? memory.ownKeys : this.#keySets.keysInUse(memory.source, nowMs);
      if (nowMs < known.untilMs && keys === known.keys) return unboundOf(known.identity, scheme, provider);
      memory.tokens.delete(token);
    }
    return this.#verifyAnew(token, provider, memory, nowMs).then((found) =>
      typeof found === "string" ? found : unboundOf(found, scheme, provider),
    );
  }

  /** Asks for the keys of a provider, so that its first token waits for none. Never fails: the issuer may be away. */
  async prepare(provider: JwtProvider): Promise<void> {
    const { source } = this.#memory(provider);
    if (source !== undefined) await this.#keySets.keysOf(source, Date.now()).catch(() => undefined);
  }

  async #verifyAnew(token: string, provider: JwtProvider, memory: Memory, nowMs: number): Promise<Identity | string> {
    const read = readToken(token, provider, readSegment, nowMs);
    if (typeof read === "string") return read;
    const keys = await this.#prove(read, memory, nowMs);
    if (typeof keys === "string") return keys;
    const identity = identityOfClaims(read.claims, provider.claims);
    if (typeof identity === "string") return identity;
    memory.tokens.set(token, { identity, untilMs: acceptedUntilMs(read.claims, provider, nowMs), keys });
    return identity;
  }

  /** @returns the keys that it is good by, or why it is not */
  async #prove(signed: SignedToken, { source, ownKeys }: Memory, nowMs: number): Promise<KeySet | string> {
    let keys = source === undefined ? ownKeys : await this.#keySets.keysOf(source, nowMs);
    for (;;) {
      const candidates = keysFor(keys.keys, signed.alg, signed.kid);
      for (const jwk of candidates) if (await this.#isSignedBy(signed, jwk)) return keys;
      const hadKey = candidates.length > 0;
      const reason = hadKey ? "the signature is of none of the keys" : "no key of that kid and alg";
      if (source === undefined || !mayBeOfNewKey(signed, hadKey)) return reason;
      const newer = await this.#keySets.keysAfterMiss(source, keys, signed.kid, nowMs);
      if (newer === undefined) return reason;
      keys = newer;
    }
  }

  /** Whatever goes wrong in a check, the signature was not shown to be good. */
  async #isSignedBy({ token, alg }: SignedToken, jwk: PublicJwk): Promise<boolean> {
    try {
      const key = await this.#import(jwk, alg);
      if (key === undefined) return false;
      await compactVerify(token, key, { algorithms: [alg] });
      return true;
    } catch {
      return false;
    }
  }

  /** Undefined for what has the form of a key but is none, such as a point that is not on its curve. */
  #import(jwk: PublicJwk, alg: string): Promise<CryptoKey | undefined> {
    const byAlgorithm = this.#imported.get(jwk) ?? new Map<string, Promise<CryptoKey | undefined>>();
    this.#imported.set(jwk, byAlgorithm);
    const known = byAlgorithm.get(alg);
    if (known !== undefined) return known;
    const key = importJWK({ ...jwk }, alg).then(
      (imported) => (imported instanceof Uint8Array ? undefined : imported),
      () => undefined,
    );
    byAlgorithm.set(alg, key);
    return key;
  }

  #memory(provider: JwtProvider): Memory {
    const known = this.#memories.get(provider);
    if (known !== undefined) return known;
    const { rememberedTokensMax, rememberedTokenBytesMax } = limits.identity;
    const memory: Memory = {
      tokens: new BoundedMap<Remembered>(rememberedTokensMax, rememberedTokenBytesMax),
      source: keySourceOf(provider),
      ownKeys: { keys: provider.keys !== undefined && "jwks" in provider.keys ? provider.keys.jwks : [], text: "" },
    };
    this.#memories.set(provider, memory);
    return memory;
  }
}

/** A token that is bound to a key or certificate is good with its proof alone, and none is checked here. */
function unboundOf(identity: Identity, scheme: "bearer" | "dpop", { binding }: JwtProvider): Identity | string {
  const confirmation = readConfirmation(identity.claims);
  if (typeof confirmation === "string") return confirmation;
  if (confirmation.kind !== "none")
    return `the token is bound to a ${confirmation.kind} key, which an agent cannot check`;
  return refuseBinding(confirmation, scheme, binding ?? {}) ?? identity;
}

/** The object in a segment of a token whose form was good, or why there is none. */
function readSegment(segment: string): Record<string, unknown> | string {
  try {
    return readJsonObject(utf8.decode(Buffer.from(segment, "base64url")));
  } catch {
    return "is not UTF-8";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
