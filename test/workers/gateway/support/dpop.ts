import { base64url, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

export interface ProofOptions {
  readonly method?: string;
  readonly url?: string;
  readonly token?: string;
  readonly nonce?: string;
  /** Replace members; undefined leaves one out. */
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  /** Signs instead of the client's own key. */
  readonly key?: CryptoKey;
}

/** A client with a key of its own. */
export interface DpopClient {
  readonly jwk: JWK;
  readonly privateJwk: JWK;
  readonly key: CryptoKey;
  readonly jkt: string;
  proof(options?: ProofOptions): Promise<string>;
}

export const URL_OF_ORDERS = "http://api.shop.example/orders/42";

export async function createClient(alg = "ES256"): Promise<DpopClient> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(pair.publicKey);
  return {
    jwk,
    privateJwk: await exportJWK(pair.privateKey),
    key: pair.privateKey,
    jkt: await calculateJwkThumbprint(jwk),
    async proof({ method = "GET", url = URL_OF_ORDERS, token, nonce, claims, header, key } = {}) {
      const ath = token === undefined ? undefined : await hashOf(token);
      const payload = {
        jti: crypto.randomUUID(),
        htm: method,
        htu: url,
        iat: Math.floor(Date.now() / 1000),
        ath,
        nonce,
      };
      const stated = JSON.parse(JSON.stringify({ ...payload, ...claims }));
      const head = JSON.parse(JSON.stringify({ typ: "dpop+jwt", alg, jwk, ...header }));
      return new SignJWT(stated).setProtectedHeader(head).sign(key ?? pair.privateKey, { crit: { exp: true } });
    },
  };
}

export async function hashOf(text: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}
