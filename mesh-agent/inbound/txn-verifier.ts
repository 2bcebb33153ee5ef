/** Transaction tokens checked against the public keys of the trust bundle; nothing is fetched for a request. */
import { type CryptoKey, compactVerify, decodeProtectedHeader, importJWK, type JWK } from "jose";
import { refuseTxnToken, txnTokenScopes } from "../../shared/auth/txn-token-claims.ts";
import { SelvageError } from "../../shared/errors.ts";
import { TXN_TOKEN_ALGORITHM, TXN_TOKEN_TYPE, type TxnTokenClaims } from "../../shared/identity/txn-token.ts";
import { limits } from "../../shared/limits.ts";
import { BoundedMap } from "../../shared/policy/bounded-map.ts";
import { FormerKeys } from "./former-keys.ts";

export interface VerifiedTxnToken {
  readonly sub: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export class TxnVerifier {
  readonly #trustDomain: string;
  readonly #jwks = new FormerKeys<JWK>();
  /** Counts bundles: what was begun under one must not be remembered under the next. */
  #bundle = 0;
  #keys = new Map<string, Promise<CryptoKey | Uint8Array>>();
  /** Tokens whose signature was good. */
  #remembered = newMemory();

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain;
  }

  /**
   * @param jwks public keys of the gateway by the trust bundle; tokens of keys that left it are no longer believed
   * @param isOtherAuthority as for `FormerKeys`
   * @param nowMs milliseconds since the epoch
   */
  setKeys(jwks: readonly ({ kty: string; kid: string } & JWK)[], isOtherAuthority: boolean, nowMs: number): void {
    this.#jwks.replace(new Map(jwks.map((jwk) => [jwk.kid, jwk])), isOtherAuthority, nowMs);
    this.#bundle++;
    this.#keys = new Map();
    this.#remembered = newMemory();
  }

  /**
   * @param tokens every value of the field
   * @param nowMs milliseconds since the epoch
   * @returns at once when the token was seen before
   * @throws SelvageError `txn_token_missing`, `txn_token_invalid` (also as a rejection)
   */
  verify(tokens: readonly string[], nowMs: number): VerifiedTxnToken | Promise<VerifiedTxnToken> {
    const [token] = tokens;
    if (token === undefined) throw new SelvageError("txn_token_missing", "there is no Txn-Token");
    if (tokens.length > 1) throw invalid("there are several Txn-Tokens");
    const known = this.#remembered.get(token);
    if (known === undefined) return this.#verifyNew(token, nowMs);
    this.#checkClaims(known.claims, nowMs);
    return known;
  }

  async #verifyNew(token: string, nowMs: number): Promise<VerifiedTxnToken> {
    if (token.length > limits.identity.tokenBytesMax) throw invalid("it is too long");
    const bundle = this.#bundle;
    const claims = await this.#claimsOf(token, nowMs);
    this.#checkClaims(claims, nowMs);
    const { sub, scope } = claims as unknown as TxnTokenClaims;
    const verified: VerifiedTxnToken = { sub, scopes: txnTokenScopes({ scope }), claims };
    // Keys that came in between may have left the bundle: what they signed must not be believed from memory.
    if (bundle === this.#bundle) this.#remembered.set(token, verified);
    return verified;
  }

  async #claimsOf(token: string, nowMs: number): Promise<Record<string, unknown>> {
    let payload: Uint8Array;
    try {
      const { kid, typ } = decodeProtectedHeader(token);
      if (typ !== TXN_TOKEN_TYPE) throw new Error(`its type is ${typ}`);
      const key = await this.#key(kid, nowMs);
      ({ payload } = await compactVerify(token, key, { algorithms: [TXN_TOKEN_ALGORITHM] }));
      return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
    } catch (error) {
      throw invalid((error as Error).message);
    }
  }

  #key(kid: string | undefined, nowMs: number): Promise<CryptoKey | Uint8Array> {
    const jwk = kid === undefined ? undefined : this.#jwks.get(kid, nowMs);
    if (kid === undefined || jwk === undefined) throw new Error(`its key ${kid} is not in the trust bundle`);
    let key = this.#keys.get(kid);
    if (key === undefined) {
      key = importJWK(jwk, TXN_TOKEN_ALGORITHM);
      this.#keys.set(kid, key);
    }
    return key;
  }

  #checkClaims(claims: Readonly<Record<string, unknown>>, nowMs: number): void {
    const refused = refuseTxnToken(claims, this.#trustDomain, nowMs);
    if (refused !== undefined) throw invalid(refused);
  }
}

const newMemory = (): BoundedMap<VerifiedTxnToken> =>
  new BoundedMap(limits.identity.rememberedTokensMax, limits.identity.rememberedTokenBytesMax);

const invalid = (reason: string): SelvageError =>
  new SelvageError("txn_token_invalid", `the Txn-Token is bad: ${reason}`);
