import type { IdentityProvider } from "../../../shared/auth/providers.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { ClientCertificates } from "./client-certificates.ts";
import { JwtVerifier } from "./jwt-verifier.ts";
import { KeyVerifier } from "./key-verifier.ts";
import { OidcVerifier } from "./oidc-verifier.ts";
import { TokenConfirmation } from "./token-confirmation.ts";
import { TokenSignatures } from "./token-signatures.ts";
import type { Verifier } from "./verifier.ts";

type Kind = IdentityProvider["kind"];
type VerifierOf<K extends Kind> = Verifier<Extract<IdentityProvider, { readonly kind: K }>>;

/** The verifiers of an isolate, one a kind of provider; what they remember belongs to it. Kinds that few plans have are loaded by such a plan. */
export class Verifiers {
  readonly #signatures = new TokenSignatures();
  readonly #certificates = new ClientCertificates();
  readonly #confirmation = new TokenConfirmation(this.#certificates);
  readonly oidc = new OidcVerifier(this.#signatures);
  readonly #known: { [K in Kind]?: VerifierOf<K> } = {
    jwt: new JwtVerifier(this.#signatures, this.#confirmation),
    "api-key": new KeyVerifier(),
    oidc: this.oidc,
  };
  #loadedFor: GatewayPlan["identity"] | undefined;

  /** Loads whatever the providers of a plan need; `of` may be asked then. @returns undefined when all of it is there */
  load(providers: GatewayPlan["identity"]): Promise<void> | undefined {
    return providers === this.#loadedFor ? undefined : this.#loadAll(providers);
  }

  /** The one for a provider of a plan that was loaded; a provider is given to the verifier of its own kind alone. */
  of(provider: IdentityProvider): Verifier<IdentityProvider> {
    const verifier = this.#known[provider.kind];
    if (verifier === undefined) throw new Error(`the verifier of ${provider.kind} was not loaded`);
    return verifier as Verifier<IdentityProvider>;
  }

  async #loadAll(providers: GatewayPlan["identity"]): Promise<void> {
    const kinds = new Set(Object.values(providers).map(({ kind }) => kind));
    for (const kind of kinds) if (this.#known[kind] === undefined) await this.#loadKind(kind);
    this.#loadedFor = providers;
  }

  /** Of several requests that load at once the first one's verifier stays, with what it remembers. */
  async #loadKind(kind: Kind): Promise<void> {
    const known = this.#known;
    if (kind === "introspection") {
      const { IntrospectionVerifier } = await import("./introspection-verifier.ts");
      known[kind] ??= new IntrospectionVerifier(this.#signatures.keySets, this.#confirmation);
    } else if (kind === "certificate") {
      const { CertificateVerifier } = await import("./certificate-verifier.ts");
      known[kind] ??= new CertificateVerifier(this.#certificates);
    } else if (kind === "signature") {
      const { SignatureVerifier } = await import("./signature-verifier.ts");
      known[kind] ??= new SignatureVerifier(this.#signatures.keySets);
    } else if (kind === "webhook") {
      const { WebhookVerifier } = await import("./webhook-verifier.ts");
      known[kind] ??= new WebhookVerifier();
    }
  }
}
