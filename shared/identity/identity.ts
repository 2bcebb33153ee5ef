/** One normal form of "who is calling", whatever proved it. Every later policy reads only this. */
export interface Identity {
  /** Subject within its issuer; `anonymous` when nothing was proven. */
  readonly sub: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Who uses the API, where that is not the subject: an application, a customer. */
  readonly consumer?: string;
  /** What the consumer pays for. */
  readonly plan?: string;
  readonly groups: readonly string[];
  readonly method: IdentityMethod;
}

/** What proved it. */
export type IdentityMethod =
  | "anonymous"
  | "jwt"
  | "api-key"
  | "introspection"
  | "certificate"
  | "signature"
  | "webhook"
  | "oidc";

export const anonymous: Identity = {
  sub: "anonymous",
  issuer: "",
  scopes: [],
  claims: {},
  groups: [],
  method: "anonymous",
};

/** Stable key of an identity for limits and caches: two issuers' equal subjects stay apart. */
export function identityKey(identity: Identity): string {
  return `${identity.method}|${identity.issuer}|${identity.sub}`;
}
