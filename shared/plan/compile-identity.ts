import type { ApiKeyProvider } from "../auth/api-key.ts";
import { readPublicJwk } from "../auth/jwk.ts";
import { DEFAULT_KEY_PREFIX } from "../auth/key-form.ts";
import type { ClaimNames, IdentityProvider, JwtKeys, JwtProvider } from "../auth/providers.ts";
import { secretName } from "../config/references.ts";
import type { ApiKeyConfig, JwtConfig, ProviderConfig } from "../config/schema-identity.ts";
import { durationOr, parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import { compileBinding, compileCertificate } from "./compile-bound.ts";
import { compileIntrospection } from "./compile-introspection.ts";
import { compileOidc } from "./compile-oidc.ts";
import { compileSignature, compileWebhook } from "./compile-signature.ts";
import { sorted } from "./sorted.ts";

/** One provider of identities, by its kind. @param name its name in the document */
export function compileProvider(config: ProviderConfig, name: string): IdentityProvider {
  const { jwt, apiKey, introspection, certificate, signature, webhook, oidc } = config;
  if (jwt !== undefined) return compileJwt(jwt);
  if (apiKey !== undefined) return compileApiKey(apiKey);
  if (introspection !== undefined) return compileIntrospection(introspection);
  if (certificate !== undefined) return compileCertificate(certificate);
  if (signature !== undefined) return compileSignature(signature, name);
  if (webhook !== undefined) return compileWebhook(webhook, name);
  if (oidc !== undefined) return compileOidc(oidc, name);
  throw new Error("an identity provider without a kind");
}

function compileApiKey({ header, bearer, query, prefix, foreign }: ApiKeyConfig): ApiKeyProvider {
  return {
    kind: "api-key",
    ...(header !== undefined && { header: header.toLowerCase() }),
    bearer: bearer ?? false,
    ...(query !== undefined && { query }),
    prefix: prefix ?? DEFAULT_KEY_PREFIX,
    foreign: foreign ?? false,
  };
}

function compileJwt(jwt: JwtConfig): JwtProvider {
  const { issuer, audience, clockSkew, requireExp, maxTokenAge, claims } = jwt;
  const keys = compileKeys(jwt);
  const binding = compileBinding(jwt);
  return {
    kind: "jwt",
    issuer,
    audiences: sorted(typeof audience === "string" ? [audience] : audience),
    algorithms: sorted(jwt.algorithms ?? (jwt.secret === undefined ? ["ES256", "EdDSA", "PS256", "RS256"] : ["HS256"])),
    clockSkewMs: durationOr(clockSkew, limits.identity.clockSkewMs),
    ...(keys !== undefined && { keys }),
    ...(requireExp === false && { unexpiring: true as const }),
    ...(maxTokenAge !== undefined && { tokenAgeMsMax: parseDurationMs(maxTokenAge) as number }),
    ...(claims !== undefined && Object.keys(claims).length > 0 && { claims: claims as ClaimNames }),
    ...(binding !== undefined && { binding }),
  };
}

function compileKeys({ jwks, keys, secret }: JwtConfig): JwtKeys | undefined {
  if (jwks !== undefined) return { url: jwks };
  if (secret !== undefined) return { secret: secretName(secret) ?? "" };
  if (keys === undefined) return undefined;
  return {
    jwks: keys.map((key) => {
      const read = readPublicJwk(key);
      if (typeof read === "string") throw new Error(`a key ${read}`);
      return read;
    }),
  };
}
