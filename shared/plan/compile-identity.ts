import { readPublicJwk } from "../auth/jwk.ts";
import type { ClaimNames, IdentityProvider, JwtKeys, JwtProvider } from "../auth/providers.ts";
import { referencesIn } from "../config/references.ts";
import type { JwtConfig, ProviderConfig } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import { sorted } from "./sorted.ts";

/** One provider of identities, by its kind. */
export function compileProvider({ jwt }: ProviderConfig): IdentityProvider {
  return compileJwt(jwt);
}

function compileJwt(jwt: JwtConfig): JwtProvider {
  const { issuer, audience, clockSkew, requireExp, maxTokenAge, claims } = jwt;
  const keys = compileKeys(jwt);
  return {
    kind: "jwt",
    issuer,
    audiences: sorted(typeof audience === "string" ? [audience] : audience),
    algorithms: sorted(jwt.algorithms ?? (jwt.secret === undefined ? ["ES256", "EdDSA", "PS256", "RS256"] : ["HS256"])),
    clockSkewMs: (clockSkew === undefined ? undefined : parseDurationMs(clockSkew)) ?? limits.identity.clockSkewMs,
    ...(keys !== undefined && { keys }),
    ...(requireExp === false && { unexpiring: true as const }),
    ...(maxTokenAge !== undefined && { tokenAgeMsMax: parseDurationMs(maxTokenAge) as number }),
    ...(claims !== undefined && Object.keys(claims).length > 0 && { claims: claims as ClaimNames }),
  };
}

function compileKeys({ jwks, keys, secret }: JwtConfig): JwtKeys | undefined {
  if (jwks !== undefined) return { url: jwks };
  if (secret !== undefined) return { secret: referencesIn(secret)[0]?.name ?? "" };
  if (keys === undefined) return undefined;
  return {
    jwks: keys.map((key) => {
      const read = readPublicJwk(key);
      if (typeof read === "string") throw new Error(`a key ${read}`);
      return read;
    }),
  };
}
