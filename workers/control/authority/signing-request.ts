/** Certificate requests (PKCS#10, RFC 2986): those of agents, which are read with distrust, and the one for an issuer. */
import "reflect-metadata"; // before x509, as in certificates.ts
import * as x509 from "@peculiar/x509";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type Bytes, fromBase64 } from "./bytes.ts";
import { authorityExtensions, ECDSA } from "./certificates.ts";
import { readDer } from "./der.ts";

/** 1.2.840.113549.1.9.14, RFC 2985 section 5.4.2. */
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/**
 * The public key of a certificate request whose own signature proves possession of the private one. Of what else stands in it
 * nothing is taken over; one that asks for more than it gets is refused.
 * @param csr PKCS#10, base64 of the DER
 * @param spiffeId the one name that it may ask for
 * @throws SelvageError csr_invalid
 */
export async function requestedKey(csr: string, spiffeId: string): Promise<CryptoKey> {
  const der = fromBase64(csr);
  if (der === undefined || der.length === 0) throw refuse("not base64");
  if (der.length > limits.authority.csrBytesMax) throw refuse(`more than ${limits.authority.csrBytesMax} bytes`);
  try {
    readDer(der);
    const request = new x509.Pkcs10CertificateRequest(der);
    const algorithm = request.publicKey.algorithm as { name: string; namedCurve?: string };
    if (algorithm.name !== "ECDSA" || algorithm.namedCurve !== "P-256") throw refuse("key is not ECDSA P-256");
    const tooMuch = asksTooMuch(request, spiffeId);
    if (tooMuch !== undefined) throw refuse(tooMuch);
    if (!(await request.verify())) throw refuse("signature does not verify");
    return await request.publicKey.export(ECDSA, ["verify"]);
  } catch (error) {
    throw error instanceof SelvageError ? error : refuse(String(error), error);
  }
}

const refuse = (reason: string, cause?: unknown): SelvageError => new SelvageError("csr_invalid", reason, { cause });

const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const SUBJECT_ALT_NAME = "2.5.29.17";
const SIGNS_CERTIFICATES = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;

function asksTooMuch({ attributes, extensions }: x509.Pkcs10CertificateRequest, spiffeId: string): string | undefined {
  const attribute = attributes.find(({ type }) => type !== EXTENSION_REQUEST) ?? attributes[1];
  if (attribute !== undefined) return `it has an attribute ${attribute.type} too many`;
  for (const { type, rawData } of extensions) {
    if (type === BASIC_CONSTRAINTS && new x509.BasicConstraintsExtension(rawData).ca)
      return "it asks to be an authority";
    if (type === KEY_USAGE && (new x509.KeyUsagesExtension(rawData).usages & SIGNS_CERTIFICATES) !== 0)
      return "it asks to sign certificates";
    if (type !== SUBJECT_ALT_NAME) continue;
    const names = new x509.SubjectAlternativeNameExtension(rawData).names.toJSON();
    const other = names.find((name) => name.type !== "url" || name.value !== spiffeId);
    if (other !== undefined) return `it asks for the name ${other.value}, it is ${spiffeId}`;
  }
  return undefined;
}

/** What an issuer asks somebody else for, PEM. */
export async function makeIssuerRequest(trustDomain: string, keys: CryptoKeyPair): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ["Selvage"] }, { CN: [`${trustDomain} issuer`] }],
    keys,
    signingAlgorithm: ECDSA,
    extensions: authorityExtensions(trustDomain, 0),
  });
  return request.toString("pem");
}

/** DER of a public key's SubjectPublicKeyInfo. */
export async function spkiOf(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array((await crypto.subtle.exportKey("spki", key)) as ArrayBuffer);
}
