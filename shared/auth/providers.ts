/** Providers of identities as the plan carries them. A kind is a member of the union, with a verifier in each host. */
import type { ApiKeyProvider } from "./api-key.ts";
import type { PublicJwk } from "./jwk.ts";

export type IdentityProvider = JwtProvider | ApiKeyProvider;

export interface JwtProvider {
  readonly kind: "jwt";
  /** Exactly the token's `iss`. */
  readonly issuer: string;
  /** At least one of them must be in `aud`. */
  readonly audiences: readonly string[];
  /** Of one family: HMAC with a secret, signatures with everything else. */
  readonly algorithms: readonly string[];
  readonly clockSkewMs: number;
  /** Absent: found by OIDC discovery below the issuer. */
  readonly keys?: JwtKeys;
  /** Tokens without `exp` are accepted, too. */
  readonly unexpiring?: true;
  /** Since `iat`, which is then required. */
  readonly tokenAgeMsMax?: number;
  /** Claims that parts of the identity are read from, where they are not the usual ones. */
  readonly claims?: ClaimNames;
}

export type JwtKeys =
  | { readonly url: string }
  | { readonly jwks: readonly PublicJwk[] }
  /** Name of a secret of the host. */
  | { readonly secret: string };

export interface ClaimNames {
  readonly consumer?: string;
  readonly plan?: string;
  /** Default: `groups`. */
  readonly groups?: string;
  /** Default: `scope`, else `scp`. */
  readonly scopes?: string;
}
