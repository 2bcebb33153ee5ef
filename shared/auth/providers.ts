/** Providers of identities as the plan carries them. A kind is a member of the union, with a verifier in each host. */
import type { ApiKeyProvider } from "./api-key.ts";
import type { CertificateProvider } from "./certificate-rules.ts";
import type { TokenBinding } from "./confirmation.ts";
import type { SignatureProvider } from "./http-signature.ts";
import type { PublicJwk } from "./jwk.ts";
import type { WebhookProvider } from "./webhook.ts";

export type IdentityProvider =
  | JwtProvider
  | ApiKeyProvider
  | IntrospectionProvider
  | CertificateProvider
  | SignatureProvider
  | WebhookProvider
  | OidcProvider;

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
  /** Absent: bound tokens are accepted with their proof, others without. */
  readonly binding?: TokenBinding;
}

export type JwtKeys =
  | { readonly url: string }
  | { readonly jwks: readonly PublicJwk[] }
  /** Name of a secret of the host. */
  | { readonly secret: string };

/** Asks the issuer about each token (RFC 7662). */
export interface IntrospectionProvider {
  readonly kind: "introspection";
  /** Exactly the `iss` of answers that state one. */
  readonly issuer: string;
  /** Absent: found by OIDC discovery below the issuer. */
  readonly url?: string;
  readonly client: IntrospectionClient;
  /** One of them must be in `aud`; absent: the issuer alone judges whom a token is for (RFC 7662 section 4). */
  readonly audiences?: readonly string[];
  /** Claims of which the first that is there names the subject. */
  readonly subject: readonly string[];
  readonly claims?: ClaimNames;
  /** First characters of its tokens. */
  readonly prefix?: string;
  /** False: what has the form of a JWT is not asked about. */
  readonly jwts: boolean;
  readonly clockSkewMs: number;
  readonly timeoutMs: number;
  /** How long a good answer is believed, as long as its token lives. */
  readonly rememberMs: number;
  /** How much longer while the endpoint fails. Absent: nobody passes without a new answer. */
  readonly staleMs?: number;
  /** As for `JwtProvider`. */
  readonly binding?: TokenBinding;
}

/** Who we are to the issuer. `secret` is the name of a secret of the host. */
export type IntrospectionClient =
  | { readonly method: "client_secret_basic" | "client_secret_post"; readonly id: string; readonly secret: string }
  | { readonly method: "bearer"; readonly secret: string };

export interface ClaimNames {
  readonly consumer?: string;
  readonly plan?: string;
  /** Default: `groups`. */
  readonly groups?: string;
  /** Default: `scope`, else `scp`. */
  readonly scopes?: string;
}

/** Logins of browsers at an OpenID provider. */
export interface OidcProvider {
  readonly kind: "oidc";
  /** Its name in the document: cookies are bound to it. */
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  /** How the client shows who it is at the token endpoint (OpenID Connect Core section 9). */
  readonly clientAuth: "basic" | "post" | "none";
  /** Name of a secret of the host; absent: a public client. */
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  /** Signatures of ID and logout tokens that are accepted. */
  readonly algorithms: readonly string[];
  readonly clockSkewMs: number;
  /** Below it are the gateway's own endpoints; no slash at its end. */
  readonly path: string;
  /** Paths of this gateway where a browser goes when nothing else was asked for. */
  readonly afterLogin: string;
  readonly afterLogout: string;
  readonly idleMs: number;
  readonly absoluteMs: number;
  /** Other origins whose pages may use a session to change things. */
  readonly origins: readonly string[];
  readonly claims?: ClaimNames;
  /** Claims that a session keeps; absent: all that say something of the person. */
  readonly keep?: readonly string[];
  /** Whether claims are asked for at the UserInfo endpoint, too. */
  readonly userinfo?: true;
}
