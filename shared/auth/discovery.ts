/** Where the keys of an issuer are: at a URL of the document, or found by discovery (OpenID Connect Discovery 1.0 section 4). */
import type { JwtProvider } from "./providers.ts";

export interface KeySource {
  /** Names the set; without `url` the issuer itself, which tells where its keys are. */
  readonly name: string;
  readonly url?: string;
}

/** A set at a URL is one, whoever names it. */
export const keysAt = (url: string): KeySource => ({ name: `keys ${url}`, url });

/** @returns undefined where the keys are in the plan, or are a secret */
export function keySourceOf({ issuer, keys }: JwtProvider): KeySource | undefined {
  if (keys === undefined) return { name: issuer };
  return "url" in keys ? keysAt(keys.url) : undefined;
}

/** Where an issuer tells of itself. */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}

/**
 * What an issuer tells of itself.
 * @throws when it says that it is another one (section 4.3)
 */
export function readDiscovery(issuer: string, found: unknown): Readonly<Record<string, unknown>> {
  const metadata = (found ?? {}) as Record<string, unknown>;
  if (metadata.issuer !== issuer) throw new Error("discovery names another issuer");
  return metadata;
}

/** Where its keys are. @throws when they are nowhere, or somewhere less safe than the issuer */
export function keysUrl(issuer: string, { jwks_uri: uri }: Readonly<Record<string, unknown>>): string {
  if (typeof uri !== "string" || !URL.canParse(uri)) throw new Error("discovery has no jwks_uri");
  const scheme = new URL(uri).protocol;
  if (scheme !== "https:" && !(scheme === "http:" && issuer.startsWith("http:")))
    throw new Error("jwks_uri is not https");
  return uri;
}
