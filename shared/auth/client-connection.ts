/**
 * What is known of the client's own connection: its scheme and the certificate it showed. The platform says so itself;
 * self-hosted a TLS terminator does, by fields that are believed of its addresses alone.
 */
import { isAddressIn } from "../http/address-list.ts";

/** Who terminates TLS before the gateway. */
export interface TlsTerminator {
  /** Addresses and networks of its side of the connection to us. */
  readonly addresses: readonly string[];
  /** Field with the certificate in escaped PEM, lower case. Absent: `Client-Cert` (RFC 9440). */
  readonly escapedPemHeader?: string;
}

/** A certificate as it was passed on, or why the one that was shown proves nothing. */
export type ShownCertificate =
  | { readonly form: "rfc9440" | "escaped-pem"; readonly text: string }
  | { readonly form: "refused"; readonly reason: string };

export interface ClientConnection {
  readonly scheme: "http" | "https";
  /** Absent: none was shown. */
  readonly certificate?: ShownCertificate | undefined;
}

export interface ConnectionFacts {
  /** Of the request as it reached us. */
  readonly scheme: "http" | "https";
  /** Address of the socket's peer; absent where the platform stands between us and it. */
  readonly peer: string | undefined;
  /** Value of a field, by its name in lower case. */
  readonly field: (name: string) => string | null;
  /** `request.cf.tlsClientAuth`. */
  readonly tlsClientAuth: unknown;
}

export function clientConnection(facts: ConnectionFacts, terminator: TlsTerminator | undefined): ClientConnection {
  const { scheme, peer, field, tlsClientAuth } = facts;
  const platform = platformCertificate(tlsClientAuth);
  if (terminator === undefined || peer === undefined || !isAddressIn(peer, terminator.addresses))
    return { scheme, ...(platform !== undefined && { certificate: platform }) };
  const stated = field("x-forwarded-proto");
  const certificate = platform ?? conveyedCertificate(field, terminator);
  return {
    scheme: stated === "https" || stated === "http" ? stated : scheme,
    ...(certificate !== undefined && { certificate }),
  };
}

function conveyedCertificate(
  field: ConnectionFacts["field"],
  { escapedPemHeader }: TlsTerminator,
): ShownCertificate | undefined {
  const text = field(escapedPemHeader ?? CLIENT_CERT);
  // Terminators that cannot leave a field out send an empty one.
  if (text === null || text === "") return undefined;
  return { form: escapedPemHeader === undefined ? "rfc9440" : "escaped-pem", text };
}

/** RFC 9440 section 2.2. */
const CLIENT_CERT = "client-cert";

/**
 * The certificate of Cloudflare's `request.cf.tlsClientAuth`, which is filled in by its edge. It carries certificates that
 * failed verification, too.
 */
function platformCertificate(value: unknown): ShownCertificate | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { certPresented, certVerified, certRevoked, certRFC9440 } = value as Record<string, unknown>;
  if (certPresented !== "1") return undefined;
  if (certVerified !== "SUCCESS")
    return { form: "refused", reason: `the platform's verification says ${String(certVerified).slice(0, 100)}` };
  if (certRevoked !== "0") return { form: "refused", reason: "the certificate is revoked" };
  if (typeof certRFC9440 !== "string" || certRFC9440 === "")
    return { form: "refused", reason: "the platform did not pass on the certificate, which may be too large" };
  return { form: "rfc9440", text: certRFC9440 };
}
