/** TLS between agents: who a peer is, by the X.509-SVID standard, and contexts that speak TLS 1.3 only. */
import * as tls from "node:tls";
import { limits } from "../../shared/limits.ts";
import { extensionValues, inside, SEQUENCE } from "../tls/der.ts";

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

const OCTET_STRING = 0x04;
/** `[6]` of GeneralName (RFC 5280 section 4.2.1.6). */
const URI_NAME = 0x86;
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = Buffer.from([0x55, 0x1d, 0x11]);

function uriNames(der: Buffer): string[] {
  return extensionValues(der, SUBJECT_ALT_NAME).flatMap((value) => {
    const [names] = inside(der, value, OCTET_STRING);
    const uris = inside(der, names, SEQUENCE).filter(({ tag }) => tag === URI_NAME);
    return uris.map(({ from, to }) => der.toString("latin1", from, to));
  });
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
