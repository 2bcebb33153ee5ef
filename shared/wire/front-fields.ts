/**
 * How the front tells the gateway on workerd of a client's connection: by two fields of each request, which workerd takes
 * out and turns into `request.cf` and the scheme of the URL. Their names hold a secret of this start, so that nobody else
 * can write them, wherever a request comes from.
 */
import { limits } from "../limits.ts";

export interface FrontFields {
  /** Holds `connectionText`; workerd's `cfBlobHeader`. Lower case. */
  readonly connection: string;
  /** Holds `http` or `https`; workerd's `forwardedProtoHeader`. Lower case. */
  readonly scheme: string;
}

/** Environment variable by which the front gets the secret. */
export const FRONT_KEY = "SELVAGE_FRONT_KEY";

/** @param key secret, in lower-case hexadecimal digits: 16 random bytes or more */
export function frontFields(key: string): FrontFields {
  return { connection: `selvage-front-${key}`, scheme: `selvage-front-scheme-${key}` };
}

const KEY = /^[0-9a-f]{32,128}$/;

export function isFrontKey(text: string): boolean {
  return KEY.test(text);
}

/** A client certificate as TLS saw it. */
export interface SeenCertificate {
  readonly der: Uint8Array;
  /** What verification said against it; undefined: it is good. */
  readonly refusal: string | undefined;
}

export interface FrontConnection {
  /** Canonical, and the port beside it. */
  readonly address: string;
  readonly port: number;
  readonly protocol: "HTTP/1.1" | "HTTP/2";
  /** Absent without TLS. */
  readonly tls?: { readonly version: string; readonly cipher: string; readonly certificate?: SeenCertificate };
}

/**
 * `request.cf`, with the names that Cloudflare's network has for the same facts; `clientIp` is workerd's own. In ASCII.
 * @param base64 of bytes, with padding (RFC 4648 section 4)
 */
export function connectionText(
  { address, port, protocol, tls }: FrontConnection,
  base64: (bytes: Uint8Array) => string,
): string {
  const host = address.includes(":") ? `[${address}]` : address;
  const cf = {
    clientIp: `${host}:${port}`,
    httpProtocol: protocol,
    ...(tls !== undefined && { tlsVersion: tls.version, tlsCipher: tls.cipher }),
    ...(tls?.certificate !== undefined && { tlsClientAuth: clientAuth(tls.certificate, base64) }),
  };
  return JSON.stringify(cf);
}

function clientAuth({ der, refusal }: SeenCertificate, base64: (bytes: Uint8Array) => string): object {
  if (refusal !== undefined) {
    const reason = refusal.replace(/[^ -~]/g, "?").slice(0, limits.front.verdictCharsMax);
    return { certPresented: "1", certVerified: `FAILED:${reason}`, certRevoked: "0" };
  }
  // As on Cloudflare: one that is too large is not passed on, and the gateway says so.
  const text = der.length <= limits.front.certificateBytesMax ? `:${base64(der)}:` : "";
  return { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: text };
}
