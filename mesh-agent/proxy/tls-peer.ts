/** TLS between agents: who a peer is, by the X.509-SVID standard, and contexts that speak TLS 1.3 only. */
import * as tls from "node:tls";
import { limits } from "../../shared/limits.ts";
import { elements, inside, SEQUENCE } from "../tls/der.ts";

/** What an agent proves itself with, and whom it believes. PEM texts. */
export interface TlsIdentity {
  readonly key: string;
  /** Leaf first, then issuers. */
  readonly cert: string;
  /** Roots of the trust domain. */
  readonly ca: string | readonly string[];
}

export function secureContextOptions(identity: TlsIdentity): tls.SecureContextOptions {
  return {
    key: identity.key,
    cert: identity.cert,
    ca: typeof identity.ca === "string" ? identity.ca : [...identity.ca],
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    // Tickets end with the context that made them, which is a new one for each certificate and set of roots.
    sessionTimeout: limits.agent.tlsSessionMs / 1_000,
  };
}

export function createClientContext(identity: TlsIdentity): tls.SecureContext {
  return tls.createSecureContext(secureContextOptions(identity));
}

const OID = 0x06;
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
/** `[3]` of TBSCertificate (RFC 5280 section 4.1) and `[6]` of GeneralName (section 4.2.1.6). */
const EXTENSIONS = 0xa3;
const URI_NAME = 0x86;
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = Buffer.from([0x55, 0x1d, 0x11]);

function uriNames(der: Buffer): string[] {
  const [certificate] = elements(der, 0, der.length);
  const [tbs] = inside(der, certificate, SEQUENCE);
  const wrapper = inside(der, tbs, SEQUENCE).find((element) => element.tag === EXTENSIONS);
  if (wrapper === undefined) return [];
  const [list] = inside(der, wrapper, EXTENSIONS);
  const uris: string[] = [];
  for (const extension of inside(der, list, SEQUENCE)) {
    const [id, second, third] = inside(der, extension, SEQUENCE);
    if (id?.tag !== OID || !der.subarray(id.from, id.to).equals(SUBJECT_ALT_NAME)) continue;
    const value = second?.tag === BOOLEAN ? third : second;
    const [names] = inside(der, value, OCTET_STRING);
    for (const name of inside(der, names, SEQUENCE))
      if (name.tag === URI_NAME) uris.push(der.toString("latin1", name.from, name.to));
  }
  return uris;
}

/**
 * The SPIFFE ID of a certificate: its one and only URI name (X.509-SVID section 2). Read from the DER, since the text
 * form of the names has to be unquoted to be safe.
 */
export function spiffeIdOfCertificate(der: Buffer): string | undefined {
  try {
    const uris = uriNames(der);
    const [only] = uris;
    return uris.length === 1 && only?.startsWith("spiffe://") ? only : undefined;
  } catch {
    return undefined;
  }
}

/** The SPIFFE ID that the peer of a connection has proven. With a resumed session the end of its certificate is looked at again. */
export function spiffeIdOfSocket(socket: tls.TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !socket.authorized) return undefined;
  if (socket.isSessionReused() && certificate.validToDate.getTime() <= Date.now()) return undefined;
  return spiffeIdOfCertificate(certificate.raw);
}
