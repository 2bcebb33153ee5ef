/** An issuer that somebody else signed: everything that would make agents refuse what it signs is found before it is used. */
import "reflect-metadata"; // before x509, as in certificates.ts
import * as x509 from "@peculiar/x509";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { Bytes } from "./bytes.ts";
import { readDer } from "./der.ts";
import { refuseConstraints } from "./name-constraints.ts";

export interface ExternalChain {
  /** The issuer first, the root last. */
  readonly certificates: readonly x509.X509Certificate[];
  /** What is allowed and yet worth a word. */
  readonly warnings: readonly string[];
}

const NAME_CONSTRAINTS = "2.5.29.30";
/** Critical extensions that are understood here and by TLS stacks. */
const KNOWN_CRITICAL = new Set(["2.5.29.15", "2.5.29.19", NAME_CONSTRAINTS, "2.5.29.37", "2.5.29.32"]);
const ANY_PURPOSE = "2.5.29.37.0";
const PURPOSES = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
const RSA_BITS_MIN = 2048;

/**
 * Finds the certificate for a key among those of a file, and its way to a root, and checks all of them.
 * @param pem certificates in any order, among them the self-signed root
 * @param spki DER of the key that was asked to be certified
 * @throws SelvageError certificate_refused with what is wrong and what to do
 */
export async function readChain(pem: string, spki: Bytes, trustDomain: string, nowMs: number): Promise<ExternalChain> {
  const given = parseAll(pem);
  const first = given.find((one) => isEqual(new Uint8Array(one.publicKey.rawData), spki));
  if (first === undefined)
    throw refuse("none of the certificates is for the key of the last `selvage ca csr`: sign that request");
  const certificates = await chainFrom(first, given);
  for (const [depth, certificate] of certificates.entries()) {
    const wrong = refuseAuthority(certificate, depth, trustDomain, nowMs, limits.authority.externalLeastMs);
    if (wrong !== undefined) throw refuse(`the certificate of "${certificate.subject}": ${wrong}`);
  }
  return { certificates, warnings: warningsOf(certificates, given.length) };
}

const refuse = (reason: string, cause?: unknown): SelvageError =>
  new SelvageError("certificate_refused", reason, { cause });

function parseAll(pem: string): x509.X509Certificate[] {
  let found: x509.X509Certificate[];
  try {
    const blocks = x509.PemConverter.decodeWithHeaders(pem);
    const other = blocks.find(({ type }) => type !== "CERTIFICATE");
    if (other !== undefined) throw refuse(`the file holds a ${other.type}: certificates alone are wanted`);
    found = blocks.map(({ rawData }) => {
      readDer(new Uint8Array(rawData));
      return new x509.X509Certificate(rawData);
    });
  } catch (error) {
    throw error instanceof SelvageError ? error : refuse(`the file cannot be read: ${String(error)}`, error);
  }
  if (found.length === 0) throw refuse("the file holds no certificate in PEM");
  if (found.length > limits.authority.chainMax)
    throw refuse(`the file holds ${found.length} certificates, at most ${limits.authority.chainMax} are taken`);
  return found;
}

async function chainFrom(
  first: x509.X509Certificate,
  given: readonly x509.X509Certificate[],
): Promise<x509.X509Certificate[]> {
  const chain = [first];
  for (let last = first; last.subject !== last.issuer; ) {
    const signers = given.filter((one) => one.subject === last.issuer && !chain.includes(one));
    const next = await signerOf(last, signers);
    if (next === undefined)
      throw refuse(
        signers.length === 0
          ? `the certificate of "${last.issuer}" is missing, which signed "${last.subject}": add all up to the root`
          : `"${last.subject}" is not signed by the certificate of "${last.issuer}"`,
      );
    chain.push(next);
    last = next;
  }
  const root = chain.at(-1) ?? first;
  if (chain.length < 2) throw refuse("the issuing certificate is self-signed: it has to be signed by a root");
  if (!(await isSignedBy(root, root))) throw refuse(`the root "${root.subject}" is not signed by its own key`);
  return chain;
}

/** The one of these that signed a certificate. */
export async function signerOf(
  certificate: x509.X509Certificate,
  signers: readonly x509.X509Certificate[],
): Promise<x509.X509Certificate | undefined> {
  for (const signer of signers)
    if (signer.subject === certificate.issuer && (await isSignedBy(certificate, signer))) return signer;
  return undefined;
}

function isSignedBy(certificate: x509.X509Certificate, signer: x509.X509Certificate): Promise<boolean> {
  return certificate.verify({ publicKey: signer.publicKey, signatureOnly: true }).catch(() => false);
}

/**
 * Why a certificate may not sign for workloads of the trust domain now.
 * @param depth 0: it signs leaves
 * @param leastMs how long it has to be good from now on
 */
export function refuseAuthority(
  certificate: x509.X509Certificate,
  depth: number,
  trustDomain: string,
  nowMs: number,
  leastMs: number,
): string | undefined {
  const basic = certificate.getExtension(x509.BasicConstraintsExtension);
  if (basic?.ca !== true) return "it is no authority (CA:TRUE is missing)";
  if (basic.pathLength !== undefined && basic.pathLength < depth)
    return `its path length of ${basic.pathLength} allows no ${depth} authorities below it`;
  const usage = certificate.getExtension(x509.KeyUsagesExtension)?.usages;
  if (usage !== undefined && (usage & x509.KeyUsageFlags.keyCertSign) === 0) return "its key may not sign certificates";
  const purposes = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
  if (purposes !== undefined && !purposes.includes(ANY_PURPOSE) && !PURPOSES.every((one) => purposes.includes(one)))
    return "its extended key usage does not allow servers and clients of TLS";
  const unknown = certificate.extensions.find(({ critical, type }) => critical && !KNOWN_CRITICAL.has(type));
  if (unknown !== undefined) return `its critical extension ${unknown.type} is not understood`;
  return (
    refuseAlgorithms(certificate) ?? refuseTimes(certificate, nowMs, leastMs) ?? refuseNames(certificate, trustDomain)
  );
}

/** Keys and signatures that are too weak. */
export function refuseAlgorithms(certificate: x509.X509Certificate): string | undefined {
  const key = certificate.publicKey.algorithm as { name: string; modulusLength?: number };
  if (key.modulusLength !== undefined && key.modulusLength < RSA_BITS_MIN)
    return `its RSA key has ${key.modulusLength} bits, less than ${RSA_BITS_MIN}`;
  const { hash } = certificate.signatureAlgorithm as { hash?: { name: string } };
  return hash?.name === "SHA-1" ? "it is signed with SHA-1" : undefined;
}

function refuseTimes(
  { notBefore, notAfter }: x509.X509Certificate,
  nowMs: number,
  leastMs: number,
): string | undefined {
  if (nowMs < notBefore.getTime()) return `it begins at ${notBefore.toISOString()}`;
  if (nowMs >= notAfter.getTime()) return `it has ended at ${notAfter.toISOString()}`;
  if (notAfter.getTime() - nowMs < leastMs)
    return `it ends at ${notAfter.toISOString()}: at least ${leastMs / 3_600_000} hours are needed`;
  return undefined;
}

function refuseNames(certificate: x509.X509Certificate, trustDomain: string): string | undefined {
  const constraints = certificate.getExtension(NAME_CONSTRAINTS);
  if (constraints === null) return undefined;
  try {
    return refuseConstraints(new Uint8Array(constraints.value), trustDomain);
  } catch (error) {
    return `its name constraints cannot be read: ${String(error)}`;
  }
}

function warningsOf(certificates: readonly x509.X509Certificate[], given: number): string[] {
  const found: string[] = [];
  if (certificates.slice(0, -1).every((one) => one.getExtension(NAME_CONSTRAINTS) === null))
    found.push("no certificate below the root has name constraints: a stolen issuing key could sign any name");
  const unsaid = certificates.find((one) => one.getExtension(x509.KeyUsagesExtension) === null);
  if (unsaid !== undefined)
    found.push(`"${unsaid.subject}" has no key usage, which RFC 5280 asks of authorities: strict verifiers refuse it`);
  if (given > certificates.length) found.push(`${given - certificates.length} certificates are not part of the chain`);
  return found;
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
