/** Whom a client certificate names. Whoever terminated TLS has verified it and its chain. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import {
  type CertificateProvider,
  type FingerprintedCertificate,
  identityOfCertificate,
  refuseCertificate,
} from "../../../shared/auth/certificate-rules.ts";
import type { ClientConnection } from "../../../shared/auth/client-connection.ts";
import type { RequestTarget } from "../../../shared/http/request-target.ts";
import type { ClientCertificates } from "./client-certificates.ts";
import type { ProofContext, Verdict, Verifier } from "./verifier.ts";

export class CertificateVerifier implements Verifier<CertificateProvider> {
  readonly #certificates: ClientCertificates;

  constructor(certificates: ClientCertificates) {
    this.#certificates = certificates;
  }

  /** That one was shown; `verify` looks at it itself. */
  credentialOf(
    _request: Request,
    _provider: CertificateProvider,
    _target: RequestTarget,
    { certificate }: ClientConnection,
  ): string | undefined {
    return certificate === undefined ? undefined : SHOWN;
  }

  verify(_: string, provider: CertificateProvider, { connection, nowMs }: ProofContext): Verdict | Promise<Verdict> {
    if (connection.certificate === undefined) return "no certificate was shown";
    const found = this.#certificates.read(connection.certificate);
    return found instanceof Promise ? found.then((one) => judge(one, provider, nowMs)) : judge(found, provider, nowMs);
  }

  /** Fields with certificates are taken away from every request. */
  fields(): readonly string[] {
    return [];
  }

  /** A certificate is asked for in the TLS handshake; no scheme of HTTP does. */
  challenges(_provider: CertificateProvider, _realm: string, _error?: ChallengeError): readonly string[] {
    return [];
  }
}

const SHOWN = "a client certificate";

function judge(found: FingerprintedCertificate | string, provider: CertificateProvider, nowMs: number): Verdict {
  if (typeof found === "string") return found;
  return refuseCertificate(found, provider, nowMs) ?? identityOfCertificate(found, provider);
}
