import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export const ISSUER = "https://login.shop.example/";
export const AUDIENCE = "shop-api";

/** An identity provider with real keys: what it publishes, and tokens that it signs. */
export interface Issuer {
  readonly url: string;
  /** Answers discovery and key set; undefined for all other URLs. */
  answer(url: string): Response | undefined;
  /** Calls that it answered. */
  readonly asked: string[];
  /** A new signing key beside the old ones. */
  rotate(kid: string): Promise<void>;
  sign(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  readonly publicJwk: JWK;
}

export async function createIssuer(url: string = ISSUER): Promise<Issuer> {
  const published: JWK[] = [];
  const asked: string[] = [];
  let signing: { kid: string; key: CryptoKey };
  const rotate = async (kid: string): Promise<void> => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    published.push({ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256", use: "sig" });
    signing = { kid, key: pair.privateKey };
  };
  await rotate("key-1");
  return {
    url,
    asked,
    rotate,
    get publicJwk() {
      return published.at(-1) as JWK;
    },
    answer(asking) {
      const known: Record<string, unknown> = {
        [`${url}.well-known/openid-configuration`]: { issuer: url, jwks_uri: `${url}keys` },
        [`${url}keys`]: { keys: published },
      };
      if (!(asking in known)) return undefined;
      asked.push(asking);
      return Response.json(known[asking]);
    },
    sign: (claims = {}, header = {}) =>
      new SignJWT({ iss: url, aud: AUDIENCE, sub: "alice", scope: "orders:read", ...times(), ...claims })
        .setProtectedHeader({ alg: "ES256", kid: signing.kid, ...header })
        .sign(signing.key, { crit: { exp: true } }),
  };
}

export function times(): { iat: number; exp: number } {
  const now = Math.floor(Date.now() / 1000);
  return { iat: now, exp: now + 600 };
}
