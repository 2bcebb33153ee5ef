/** Everybody who can prove something at the edge, and what routes may ask of them. */
import type { Draw } from "./draw.ts";

type Json = Record<string, unknown>;

/** Whom the test plays, so that what they sign is accepted. */
export interface Parties {
  readonly issuer: string;
  readonly audience: string;
  /** Answers questions about opaque tokens. */
  readonly opaqueIssuer: string;
  /** Of the client certificates. */
  readonly certificateIssuer: string;
  /** Signs messages. */
  readonly signer: { readonly keyid: string; readonly jwk: object };
}

/** Names of the providers that every document has. */
export const PROVIDERS = ["login", "partners"] as const;
/** Of those that some have. */
export const RARE = ["devices", "signed", "opaque"] as const;

export function drawProviders(draw: Draw, parties: Parties): Json {
  const { issuer, audience, opaqueIssuer, certificateIssuer, signer } = parties;
  return {
    login: {
      jwt: {
        ...{ issuer, audience, claims: { groups: "groups", plan: "plan" } },
        ...draw.maybe(10, "dpop", () => "required"),
      },
    },
    partners: { apiKey: { header: "x-api-key", ...draw.maybe(30, "query", () => "key") } },
    ...draw.maybe(40, "devices", () => ({
      certificate: {
        subject: draw.one(["uri", "dns", "cn"]),
        ...draw.maybe(60, "issuers", () => [certificateIssuer]),
      },
    })),
    ...draw.maybe(40, "signed", () => ({
      signature: {
        keys: [{ keyid: signer.keyid, jwk: signer.jwk, subject: "signer", scopes: ["read"], groups: ["staff"] }],
        components: ["@method", "@path"],
      },
    })),
    ...draw.maybe(40, "opaque", () => ({
      introspection: {
        ...{ issuer: opaqueIssuer, url: `${opaqueIssuer}introspect`, bearer: "${secret:BEARER}" },
        ...{ jwts: false, claims: { groups: "groups" } },
      },
    })),
  };
}

/** Providers that a route may ask for. @param rare those of the document, beside the usual ones */
export function drawAsked(draw: Draw, rare: readonly string[]): string[] {
  return draw.some([...PROVIDERS, ...rare.filter(() => draw.chance(40))]);
}
