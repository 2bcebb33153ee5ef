import type { IdentityProvider } from "../../../shared/auth/providers.ts";
import { CertificateVerifier } from "./certificate-verifier.ts";
import { ClientCertificates } from "./client-certificates.ts";
import { IntrospectionVerifier } from "./introspection-verifier.ts";
import { JwtVerifier } from "./jwt-verifier.ts";
import { KeyVerifier } from "./key-verifier.ts";
import { OidcVerifier } from "./oidc-verifier.ts";
import { SignatureVerifier } from "./signature-verifier.ts";
import { TokenConfirmation } from "./token-confirmation.ts";
import { TokenSignatures } from "./token-signatures.ts";
import type { Verifier } from "./verifier.ts";
import { WebhookVerifier } from "./webhook-verifier.ts";

/** The verifier of every kind of provider; what they remember belongs to the isolate. */
export type Verifiers = {
  readonly [Kind in IdentityProvider["kind"]]: Verifier<Extract<IdentityProvider, { readonly kind: Kind }>>;
};

export function createVerifiers() {
  const signatures = new TokenSignatures();
  const certificates = new ClientCertificates();
  const confirmation = new TokenConfirmation(certificates);
  return {
    jwt: new JwtVerifier(signatures, confirmation),
    "api-key": new KeyVerifier(),
    introspection: new IntrospectionVerifier(signatures.keySets, confirmation),
    certificate: new CertificateVerifier(certificates),
    signature: new SignatureVerifier(signatures.keySets),
    webhook: new WebhookVerifier(),
    oidc: new OidcVerifier(signatures),
  } satisfies Verifiers;
}

/** The one for a provider; a provider is given to the verifier of its own kind alone. */
export function verifierOf(verifiers: Verifiers, provider: IdentityProvider): Verifier<IdentityProvider> {
  return verifiers[provider.kind];
}
