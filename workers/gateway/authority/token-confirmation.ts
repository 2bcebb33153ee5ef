/** The last check of a token that is good otherwise: that it is shown by the client that it was issued to. */
import { accessToken, readConfirmation, refuseBinding, type TokenBinding } from "../../../shared/auth/confirmation.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { ClientCertificates } from "./client-certificates.ts";
import type { DpopProofs } from "./dpop-proofs.ts";
import type { ProofContext, Verdict } from "./verifier.ts";

export class TokenConfirmation {
  readonly #certificates: ClientCertificates;
  #proofs: DpopProofs | undefined;

  constructor(certificates: ClientCertificates) {
    this.#certificates = certificates;
  }

  /**
   * To be asked for every request, also where the token is remembered, and after everything else: it uses the proof up.
   * @param identity of a good token, with the token's claims
   * @param token as it was sent in `Authorization`
   * @returns the identity, or why the token proves nothing here; a promise only for bound tokens
   * @throws SelvageError proofs_unavailable
   */
  confirm(
    identity: Identity,
    token: string,
    binding: TokenBinding | undefined,
    context: ProofContext,
  ): Verdict | Promise<Verdict> {
    const confirmation = readConfirmation(identity.claims);
    if (typeof confirmation === "string") return confirmation;
    const scheme = accessToken(context.request.headers.get("authorization") ?? undefined)?.scheme ?? "bearer";
    const refused = refuseBinding(confirmation, scheme, binding ?? {});
    if (refused !== undefined) return refused;
    if (confirmation.kind === "none") return identity;
    if (confirmation.kind === "certificate")
      return this.#confirmCertificate(identity, confirmation.thumbprint, context);
    return this.#confirmKey(identity, confirmation.thumbprint, token, binding ?? {}, context);
  }

  async #confirmKey(
    identity: Identity,
    thumbprint: string,
    token: string,
    binding: TokenBinding,
    context: ProofContext,
  ): Promise<Verdict> {
    if (this.#proofs === undefined) {
      const { DpopProofs } = await import("./dpop-proofs.ts");
      this.#proofs ??= new DpopProofs();
    }
    return (await this.#proofs.refuse(thumbprint, token, binding, context)) ?? identity;
  }

  async #confirmCertificate(identity: Identity, thumbprint: string, { connection }: ProofContext): Promise<Verdict> {
    if (connection.certificate === undefined) return "the token is bound to a certificate and none was shown";
    const certificate = await this.#certificates.read(connection.certificate);
    if (typeof certificate === "string") return certificate;
    return certificate.fingerprint === thumbprint ? identity : "the token is bound to another certificate";
  }
}
