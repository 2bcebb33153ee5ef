import type { CertificateProvider } from "../auth/certificate-rules.ts";
import type { TlsTerminator } from "../auth/client-connection.ts";
import type { TokenBinding } from "../auth/confirmation.ts";
import { canonicalName } from "../auth/distinguished-name.ts";
import type { ClientCertificateConfig, TlsTerminatorConfig, TokenBindingConfig } from "../config/schema-bound.ts";
import { base64urlOfHex } from "../http/base64.ts";
import { sorted } from "./sorted.ts";

/** @returns undefined where nothing is said of it */
export function compileBinding({ dpop, dpopNonce, certificateBound }: TokenBindingConfig): TokenBinding | undefined {
  const binding: TokenBinding = {
    ...(dpop !== undefined && { dpop }),
    ...(certificateBound === "required" && { certificate: certificateBound }),
    ...(dpopNonce === true && { nonce: dpopNonce }),
  };
  return Object.keys(binding).length === 0 ? undefined : binding;
}

export function compileCertificate({ subject, issuers, fingerprints }: ClientCertificateConfig): CertificateProvider {
  return {
    kind: "certificate",
    subject,
    ...(issuers !== undefined && { issuers: sorted(issuers.map((name) => canonicalName(name) ?? name)) }),
    ...(fingerprints !== undefined && {
      fingerprints: sorted(fingerprints.map((digits) => base64urlOfHex(digits.replaceAll(":", "")))),
    }),
  };
}

export function compileTerminator({ addresses, escapedPemHeader }: TlsTerminatorConfig): TlsTerminator {
  return {
    addresses: sorted(addresses.map((address) => address.toLowerCase())),
    ...(escapedPemHeader !== undefined && { escapedPemHeader: escapedPemHeader.toLowerCase() }),
  };
}
