/**
 * Opaque tokens of the test identity provider, and its word on tokens of both kinds: introspection (RFC 7662) and
 * revocation (RFC 7009). What was issued and revoked is forgotten with the process.
 */
import { randomBytes } from "node:crypto";
import { importJWK, type JWK, jwtVerify } from "jose";
import { clientOf, isClient } from "./clients.ts";
import type { Answer, Call } from "./services/server.ts";
import { ALGORITHM, publicKeyOf, type TokenRequest } from "./tokens.ts";

/** Who may ask about tokens. */
const RESOURCE_SERVERS: Readonly<Record<string, string>> = { gateway: "shop-gateway-secret" };
const TOKENS_MAX = 10_000;
const INACTIVE = { active: false };

export class TokenBook {
  readonly #issuer: string;
  readonly #key: JWK;
  readonly #opaque = new Map<string, Record<string, unknown>>();
  readonly #revoked = new Set<string>();

  constructor(issuer: string, key: JWK) {
    this.#issuer = issuer;
    this.#key = key;
  }

  /** A token that says nothing itself. @param nowMs milliseconds since the epoch */
  issue({ subject, audience, scopes, expiresInSeconds }: TokenRequest, nowMs: number): string {
    const token = `shop_${randomBytes(24).toString("base64url")}`;
    const iat = Math.floor(nowMs / 1000);
    const exp = iat + expiresInSeconds;
    this.#opaque.set(token, { iss: this.#issuer, sub: subject, aud: audience, scope: scopes.join(" "), iat, exp });
    for (const oldest of this.#opaque.keys()) if (this.#opaque.size > TOKENS_MAX) this.#opaque.delete(oldest);
    return token;
  }

  /** RFC 7662 section 2. */
  async introspect(call: Call): Promise<Answer> {
    const token = await tokenOf(call);
    if (typeof token !== "string") return token;
    const claims = this.#revoked.has(token) ? undefined : (this.#opaque.get(token) ?? (await this.#claimsOf(token)));
    const isActive = claims !== undefined && Number(claims.exp) * 1000 > Date.now();
    return { status: 200, body: isActive ? { active: true, token_type: "Bearer", ...claims } : INACTIVE };
  }

  /** RFC 7009 section 2: unknown tokens are as good as revoked. */
  async revoke(call: Call): Promise<Answer> {
    const token = await tokenOf(call);
    if (typeof token !== "string") return token;
    this.#opaque.delete(token);
    this.#revoked.add(token);
    return { status: 200, body: {} };
  }

  async #claimsOf(token: string): Promise<Record<string, unknown> | undefined> {
    try {
      const key = await importJWK(publicKeyOf(this.#key), ALGORITHM);
      return (await jwtVerify(token, key, { issuer: this.#issuer, algorithms: [ALGORITHM] })).payload;
    } catch {
      return undefined;
    }
  }
}

/** The token that a resource server sent, or what it is answered instead. */
async function tokenOf(call: Call): Promise<string | Answer> {
  const form = new URLSearchParams(await call.body());
  if (!isClient(RESOURCE_SERVERS, clientOf(call, form)))
    return { status: 401, body: { error: "invalid_client" }, headers: { "www-authenticate": 'Basic realm="shop"' } };
  return form.get("token") ?? { status: 400, body: { error: "invalid_request" } };
}
