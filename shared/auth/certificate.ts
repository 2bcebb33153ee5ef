/**
 * What of an X.509 certificate (RFC 5280) names a client. Whoever terminated TLS has verified it; nothing here says that a
 * certificate is genuine.
 */
import { bytesOfBase64 } from "../http/base64.ts";
import { limits } from "../limits.ts";
import { DerError, DerReader, readOid, readTime, tags } from "./der.ts";
import { commonName, formatName, readName } from "./distinguished-name.ts";

export interface Certificate {
  /** Distinguished names as RFC 4514 writes them. */
  readonly subject: string;
  readonly issuer: string;
  /** Absent: none or several. */
  readonly cn?: string;
  /** Alternative names. */
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** @returns the certificate, or why the bytes are none */
export function readCertificate(der: Uint8Array): Certificate | string {
  if (der.length > limits.clientCertificate.bytesMax) return "the certificate is too large";
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return `the certificate has ${error.message}`;
    throw error;
  }
}

function parseCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der);
  const whole = outer.sequence();
  outer.end();
  const body = whole.sequence();
  whole.sequence();
  whole.take(tags.bitString);
  whole.end();
  if (body.nextTag === VERSION) body.any();
  body.take(tags.integer);
  body.sequence();
  const issuer = readName(body);
  const validity = body.sequence();
  const [notBeforeMs, notAfterMs] = [readTime(validity.any()), readTime(validity.any())];
  validity.end();
  const subject = readName(body);
  body.sequence();
  const cn = commonName(subject);
  return {
    subject: formatName(subject),
    issuer: formatName(issuer),
    ...(cn !== undefined && { cn }),
    ...readExtensions(body),
    notBeforeMs,
    notAfterMs,
  };
}

/** Context tags of a TBSCertificate: version, unique ids, extensions. */
const VERSION = 0xa0;
const UNIQUE_IDS: readonly (number | undefined)[] = [0x81, 0x82];
const EXTENSIONS = 0xa3;
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";

function readExtensions(body: DerReader): Pick<Certificate, "dns" | "uris"> {
  while (UNIQUE_IDS.includes(body.nextTag)) body.any();
  if (body.isAtEnd) return { dns: [], uris: [] };
  const wrapper = new DerReader(body.take(EXTENSIONS));
  body.end();
  const extensions = wrapper.sequence();
  wrapper.end();
  let names: Pick<Certificate, "dns" | "uris"> | undefined;
  while (!extensions.isAtEnd) {
    const extension = extensions.sequence();
    const oid = readOid(extension.take(tags.oid));
    if (extension.nextTag === tags.boolean) extension.any();
    const value = extension.take(tags.octetString);
    extension.end();
    if (oid !== SUBJECT_ALTERNATIVE_NAME) continue;
    if (names !== undefined) throw new DerError("alternative names twice");
    names = readAlternativeNames(value);
  }
  return names ?? { dns: [], uris: [] };
}

const DNS_NAME = 0x82;
const URI = 0x86;

/** Kinds of names that nobody is known by here are passed over. */
function readAlternativeNames(value: Uint8Array): Pick<Certificate, "dns" | "uris"> {
  const outer = new DerReader(value);
  const names = outer.sequence();
  outer.end();
  const [dns, uris]: [string[], string[]] = [[], []];
  for (let count = 0; !names.isAtEnd; count++) {
    if (count >= limits.clientCertificate.alternativeNamesMax) throw new DerError("too many alternative names");
    const { tag, content } = names.any();
    if (tag === DNS_NAME) dns.push(visibleText(content).toLowerCase());
    else if (tag === URI) uris.push(visibleText(content));
  }
  return { dns, uris };
}

function visibleText(content: Uint8Array): string {
  let text = "";
  for (const byte of content) {
    if (byte < 0x21 || byte > 0x7e) throw new DerError("an alternative name that is not visible ASCII");
    text += String.fromCharCode(byte);
  }
  return text;
}

/** DER of a `Client-Cert` field (RFC 9440 section 2.2: a byte sequence of RFC 8941). @returns or why it is none */
export function derOfClientCert(value: string): Uint8Array | string {
  if (value.length > FIELD_CHARS_MAX) return "the certificate is too large";
  const base64 = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1];
  return (base64 === undefined ? undefined : bytesOfBase64(base64)) ?? "the field is not one byte sequence of RFC 9440";
}

/** DER of a percent-encoded PEM (RFC 7468), which nginx has as `$ssl_client_escaped_cert`. @returns or why it is none */
export function derOfEscapedPem(value: string): Uint8Array | string {
  if (value.length > FIELD_CHARS_MAX) return "the certificate is too large";
  const malformed = "the field is not one certificate in escaped PEM";
  let pem: string;
  try {
    pem = decodeURIComponent(value);
  } catch {
    return malformed;
  }
  const match =
    /^-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?$/.exec(pem);
  return bytesOfBase64((match?.[1] ?? "=").replace(/\r?\n/g, "")) ?? malformed;
}

/** Base64 takes four characters for three bytes, escaped a few more. */
const FIELD_CHARS_MAX = 2 * limits.clientCertificate.bytesMax;
