/** Certificates for tests of mTLS: a root, an issuing CA under it, and X.509-SVIDs as the control plane would issue them. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { spiffeIdOf } from "../../shared/identity/spiffe-id.ts";

x509.cryptoProvider.set(webcrypto);

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

export interface TestLeaf {
  readonly keyPem: string;
  /** Leaf, then the issuing CA. */
  readonly certPem: string;
}

export interface LeafOptions {
  /** Instead of the one SPIFFE ID of the service. */
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface TestAuthority {
  readonly trustDomain: string;
  readonly rootPem: string;
  issue(service: string, options?: LeafOptions): Promise<TestLeaf>;
  /** Leaf and issuing CA for the key of a PKCS#10 request (base64 of its DER), whose signature must be good. */
  certify(request: string, service: string, options?: LeafOptions): Promise<string[]>;
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}

function randomSerial(): string {
  return Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString("hex");
}

function caExtensions(pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

function leafExtensions(spiffeId: string, options: LeafOptions): x509.Extension[] {
  const names: x509.JsonGeneralNames = [
    ...(options.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.uris ?? [spiffeId]).map((value) => ({ type: "url" as const, value })),
  ];
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

/** Makes a root and an issuing CA for a trust domain; `issue` then makes X.509-SVIDs (24 h, ECDSA P-256). */
export async function makeAuthority(trustDomain: string): Promise<TestAuthority> {
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + 10 * DAY_MS);
  const rootKeys = await makeKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: `CN=root ${randomSerial()}, O=${trustDomain}`,
    notBefore,
    notAfter,
    keys: rootKeys,
    signingAlgorithm: ECDSA,
    extensions: caExtensions(1),
  });
  const issuerKeys = await makeKeys();
  const issuer = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: `CN=issuer, O=${trustDomain}`,
    issuer: root.subject,
    notBefore,
    notAfter,
    publicKey: issuerKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: ECDSA,
    extensions: caExtensions(0),
  });

  const makeLeaf = (
    publicKey: x509.PublicKeyType,
    service: string,
    options: LeafOptions,
  ): Promise<x509.X509Certificate> =>
    x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: `CN=${service}`,
      issuer: issuer.subject,
      notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
      notAfter: options.notAfter ?? new Date(Date.now() + DAY_MS),
      publicKey,
      signingKey: issuerKeys.privateKey,
      signingAlgorithm: ECDSA,
      extensions: leafExtensions(spiffeIdOf(trustDomain, service), options),
    });

  return {
    trustDomain,
    rootPem: root.toString("pem"),
    async issue(service, options = {}) {
      const keys = await makeKeys();
      const leaf = await makeLeaf(keys.publicKey, service, options);
      return {
        keyPem: await keyToPem(keys.privateKey),
        certPem: `${leaf.toString("pem")}\n${issuer.toString("pem")}\n`,
      };
    },
    async certify(request, service, options = {}) {
      const asked = new x509.Pkcs10CertificateRequest(request);
      if (!(await asked.verify())) throw new Error("the request is not signed by its key");
      const leaf = await makeLeaf(asked.publicKey, service, options);
      return [leaf.toString("pem"), issuer.toString("pem")];
    },
  };
}

/** A request with a new key of any kind. */
export async function makeRequest(
  algorithm: webcrypto.RsaHashedKeyGenParams | (webcrypto.EcKeyGenParams & webcrypto.EcdsaParams),
): Promise<{ readonly request: string; readonly keyPem: string }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const made = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return { request: made.toString("base64"), keyPem: await keyToPem(keys.privateKey) };
}
