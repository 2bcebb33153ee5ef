/** X.509 by @peculiar/x509: the two CA certificates, X.509-SVIDs, and how one root vouches for the next. */
import "reflect-metadata"; // before x509: its container of services needs the metadata at import
import * as x509 from "@peculiar/x509";
import { hex } from "../../../shared/http/hex.ts";
import type { CertificateTerms, LeafTerms } from "../../../shared/policy/issuance.ts";
import type { Bytes } from "./bytes.ts";
import { uriNameConstraints } from "./name-constraints.ts";

export const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate and what signs under it. */
export interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly key: CryptoKey;
}

/** A fresh P-256 key pair; extractable, since it is stored sealed. */
export async function makeKeys(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"])) as CryptoKeyPair;
}

export async function exportKey(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array((await crypto.subtle.exportKey("pkcs8", key)) as ArrayBuffer);
}

export function importKey(pkcs8: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", pkcs8, ECDSA, false, ["sign"]);
}

export function parseCertificate(pem: string): x509.X509Certificate {
  return new x509.X509Certificate(pem);
}

/** SHA-256 of the DER, hex. */
export async function fingerprint(certificate: x509.X509Certificate): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", certificate.rawData)));
}

/** The self-signed root. It may sign one level of issuers, for the URIs of one trust domain alone. */
export async function makeRoot(
  trustDomain: string,
  terms: CertificateTerms,
  keys: CryptoKeyPair,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ["Selvage"] }, { CN: [`${trustDomain} root ${terms.serial.slice(0, 8)}`] }],
    ...validity(terms),
    keys,
    signingAlgorithm: ECDSA,
    extensions: [
      ...authorityExtensions(trustDomain, 1),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
}

/** An issuing certificate under the root: signs leaves alone. */
export async function makeIssuer(
  trustDomain: string,
  terms: CertificateTerms,
  publicKey: CryptoKey,
  root: Signer,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject: [{ O: ["Selvage"] }, { CN: [`${trustDomain} issuer ${terms.serial.slice(0, 8)}`] }],
    issuer: root.certificate.subjectName,
    ...validity(terms),
    publicKey,
    signingKey: root.key,
    signingAlgorithm: ECDSA,
    extensions: [...authorityExtensions(trustDomain, 0), ...(await keyIdentifiers(publicKey, root))],
  });
}

/**
 * The next root's name and key, signed by the root before: whoever believes that one learns by it which root follows. It is for
 * no chain of TLS.
 */
export async function makeSuccession(
  terms: CertificateTerms,
  next: x509.X509Certificate,
  root: Signer,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject: next.subjectName,
    issuer: root.certificate.subjectName,
    ...validity(terms),
    publicKey: next.publicKey,
    signingKey: root.key,
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ...(await keyIdentifiers(next.publicKey, root)),
    ],
  });
}

/** An X.509-SVID (SPIFFE X509-SVID sections 2 to 4): everything but the public key comes from `terms`. */
export async function makeLeaf(terms: LeafTerms, publicKey: CryptoKey, issuer: Signer): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    issuer: issuer.certificate.subjectName,
    ...validity(terms),
    publicKey,
    signingKey: issuer.key,
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      // Critical because the subject is empty (RFC 5280 section 4.2.1.6).
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: terms.spiffeId }], true),
      ...(await keyIdentifiers(publicKey, issuer)),
    ],
  });
}

function validity(terms: CertificateTerms): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const { serial, notBeforeMs, notAfterMs } = terms;
  return { serialNumber: serial, notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) };
}

export function authorityExtensions(trustDomain: string, pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    new x509.Extension(NAME_CONSTRAINTS, true, uriNameConstraints(trustDomain)),
  ];
}

async function keyIdentifiers(
  publicKey: CryptoKey | x509.PublicKey,
  { certificate }: Signer,
): Promise<x509.Extension[]> {
  // An issuer that was signed elsewhere may name its key by another digest.
  const named = certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return [
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    named === undefined
      ? await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey)
      : new x509.AuthorityKeyIdentifierExtension(named),
  ];
}

const NAME_CONSTRAINTS = "2.5.29.30";
