/** One normal form of "who is calling", whatever proved it. Every later policy reads only this. */
export interface Identity {
  /** Subject within its issuer; `anonymous` when nothing was proven. */
  readonly sub: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly method: "anonymous" | "jwt";
}

export const anonymous: Identity = { sub: "anonymous", issuer: "", scopes: [], claims: {}, method: "anonymous" };

/** Stable key of an identity for limits and caches: two issuers' equal subjects stay apart. */
export function identityKey(identity: Identity): string {
  return `${identity.method}|${identity.issuer}|${identity.sub}`;
}
