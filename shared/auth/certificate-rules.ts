/** Whom a client certificate names, and which certificates a provider accepts. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { Certificate } from "./certificate.ts";

export interface CertificateProvider {
  readonly kind: "certificate";
  /** Where the subject's name stands. */
  readonly subject: "dns" | "uri" | "cn" | "fingerprint";
  /** Distinguished names of accepted issuers in the form of `canonicalName`. Absent: whoever the terminator trusts. */
  readonly issuers?: readonly string[];
  /** SHA-256 of accepted certificates, base64url. Absent: every one. */
  readonly fingerprints?: readonly string[];
}

/** A certificate with the SHA-256 of its DER in base64url, `x5t#S256` of RFC 8705. */
export interface FingerprintedCertificate extends Certificate {
  readonly fingerprint: string;
}

/** Why a certificate is not accepted now, or undefined. Reasons are for operators. */
export function refuseCertificate(
  { issuer, notBeforeMs, notAfterMs, fingerprint }: FingerprintedCertificate,
  { issuers, fingerprints }: CertificateProvider,
  nowMs: number,
): string | undefined {
  if (nowMs < notBeforeMs) return "the certificate is not valid yet";
  if (nowMs >= notAfterMs) return "the certificate has expired";
  if (issuers !== undefined && !issuers.includes(issuer)) return `the certificate is of the issuer ${issuer}`;
  if (fingerprints !== undefined && !fingerprints.includes(fingerprint))
    return `the certificate ${fingerprint} is not among those that are listed`;
  return undefined;
}

/** @returns the identity, or why the certificate names nobody */
export function identityOfCertificate(
  certificate: FingerprintedCertificate,
  { subject }: CertificateProvider,
): Identity | string {
  const sub = subjectOf(certificate, subject);
  if (sub === undefined) return `the certificate has not exactly one ${NAMES[subject]}`;
  if (sub.length > limits.identity.nameCharsMax) return `the ${NAMES[subject]} of the certificate is too long`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name with control characters is a trap for whoever shows it
  if (sub.trim() === "" || /[\u0000-\u001f\u007f-\u009f]/.test(sub))
    return `the ${NAMES[subject]} of the certificate is no name`;
  const { issuer, fingerprint, dns, uris, notBeforeMs, notAfterMs } = certificate;
  return {
    sub,
    issuer,
    scopes: [],
    claims: {
      sub,
      // By these a certificate is revoked like a token: this one, or whatever an issuer issued before a time.
      jti: fingerprint,
      iat: Math.floor(notBeforeMs / 1000),
      exp: Math.floor(notAfterMs / 1000),
      subject_dn: certificate.subject,
      issuer_dn: issuer,
      dns,
      uris,
    },
    groups: [],
    method: "certificate",
  };
}

const NAMES = { dns: "DNS name", uri: "URI", cn: "common name", fingerprint: "fingerprint" } as const;

/** Of several names none is the subject: which one stands first says nothing. */
function subjectOf(
  { cn, dns, uris, fingerprint }: FingerprintedCertificate,
  subject: CertificateProvider["subject"],
): string | undefined {
  if (subject === "fingerprint") return fingerprint;
  if (subject === "cn") return cn;
  const names = subject === "dns" ? dns : uris;
  return names.length === 1 ? names[0] : undefined;
}
