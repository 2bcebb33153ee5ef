/** Who a JWT names, or why it is refused. Tokens that were good are remembered until they expire or the keys change. */
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { identityOfClaims } from "../../../shared/auth/jwt-claims.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { JwtProvider } from "../../../shared/plan/plan.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { type KeySet, KeySets } from "./key-sets.ts";

type Wait = Pick<ExecutionContext, "waitUntil">;

interface Remembered {
  readonly identity: Identity;
  /** End of the token with the tolerated clock difference. */
  readonly untilMs: number;
  readonly keys: KeySet;
}

export class TokenVerifier {
  readonly #keySets = new KeySets();
  /** A new plan has new providers, so its settings are never bypassed by what an older one let in. */
  readonly #remembered = new WeakMap<JwtProvider, BoundedMap<Remembered>>();

  /**
   * @param providers those that may prove an identity here
   * @throws SelvageError credentials_invalid, issuer_unavailable
   */
  async verify(token: string, providers: readonly JwtProvider[], ctx: Wait, nowMs: number): Promise<Identity> {
    for (const provider of providers) {
      const known = this.#memory(provider).get(token);
      if (known === undefined) continue;
      if (nowMs < known.untilMs && this.#keySets.keysInUse(provider.issuer, ctx, nowMs) === known.keys)
        return known.identity;
      this.#memory(provider).delete(token);
    }
    return this.#verifyAnew(token, providers, ctx, nowMs);
  }

  async #verifyAnew(token: string, providers: readonly JwtProvider[], ctx: Wait, nowMs: number): Promise<Identity> {
    const issuer = readIssuer(token);
    let reason = "iss is no provider of this route";
    for (const provider of providers) {
      if (provider.issuer !== issuer) continue;
      const found = await this.#tryProvider(token, provider, ctx, nowMs);
      if (typeof found !== "string") return found;
      reason = found;
    }
    throw new SelvageError("credentials_invalid", reason);
  }

  /** @returns the identity, or why this provider does not vouch for it */
  async #tryProvider(token: string, provider: JwtProvider, ctx: Wait, nowMs: number): Promise<Identity | string> {
    const refused = refuseTokenHeader(decodeProtectedHeader(token) as Record<string, unknown>, provider.algorithms);
    if (refused !== undefined) return refused;
    let keys = await this.#keySets.keysOf(provider.issuer, ctx, nowMs);
    let payload = await check(token, provider, keys, nowMs);
    if (payload === "no key") {
      const newer = await this.#keySets.keysAfterMiss(provider.issuer, ctx, nowMs);
      if (newer === undefined) return "kid is unknown";
      keys = newer;
      payload = await check(token, provider, keys, nowMs);
    }
    if (typeof payload === "string") return payload;
    const identity = identityOfClaims(payload);
    if (typeof identity === "string") return identity;
    const untilMs = (payload.exp as number) * 1000 + provider.clockSkewMs;
    this.#memory(provider).set(token, { identity, untilMs, keys });
    return identity;
  }

  #memory(provider: JwtProvider): BoundedMap<Remembered> {
    const known = this.#remembered.get(provider);
    if (known !== undefined) return known;
    const { rememberedTokensMax, rememberedTokenBytesMax } = limits.identity;
    const memory = new BoundedMap<Remembered>(rememberedTokensMax, rememberedTokenBytesMax);
    this.#remembered.set(provider, memory);
    return memory;
  }
}

/** The issuer that a token claims: it chooses whose keys are asked, nothing more. */
function readIssuer(token: string): string {
  const refused = refuseTokenForm(token);
  if (refused !== undefined) throw new SelvageError("credentials_invalid", refused);
  try {
    decodeProtectedHeader(token);
    return decodeJwt(token).iss ?? "";
  } catch {
    throw new SelvageError("credentials_invalid", "token is not JSON inside");
  }
}

async function check(
  token: string,
  provider: JwtProvider,
  { keys }: KeySet,
  nowMs: number,
): Promise<JWTPayload | string> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: provider.issuer,
      audience: [...provider.audiences],
      algorithms: [...provider.algorithms],
      clockTolerance: provider.clockSkewMs / 1000,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return "no key";
    if (error instanceof errors.JOSEError) return error.message;
    return `token could not be checked: ${error instanceof Error ? error.message : String(error)}`;
  }
}
