/** Signs requests as a client would, by a base that is written here by hand. */
import { base64url } from "jose";
import type { MessageKey, SignatureProvider } from "../../../../shared/auth/http-signature.ts";
import { type PublicJwk, readPublicJwk } from "../../../../shared/auth/jwk.ts";

export interface Signer {
  readonly keyid: string;
  readonly jwk: PublicJwk;
  sign(base: string): Promise<string>;
}

export const base64 = (bytes: ArrayBuffer | Uint8Array): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes instanceof ArrayBuffer ? bytes : bytes.slice().buffer)));

export async function ed25519Signer(keyid: string): Promise<Signer> {
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
  const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return {
    keyid,
    jwk: readPublicJwk({ ...exported, key_ops: ["verify"], kid: keyid }) as PublicJwk,
    sign: async (base) =>
      base64(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, new TextEncoder().encode(base))),
  };
}

export async function hmacSign(secret: Uint8Array, base: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return base64(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(base)));
}

export async function digestOf(content: string | Uint8Array, algorithm: "sha-256" | "sha-512" = "sha-256") {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return `${algorithm}=:${base64(await crypto.subtle.digest(algorithm.toUpperCase(), bytes))}:`;
}

export const HOST = "api.shop.example";
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export interface Signing {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly authority?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** Names in the order of coverage; default: the usual ones. */
  readonly covered?: readonly string[];
  /** After the list: `;created=1`. */
  readonly params?: string;
  readonly label?: string;
}

/** `Signature-Input` and `Signature` of a request. */
export async function signed(
  sign: (base: string) => Promise<string>,
  signing: Signing & { readonly keyid: string },
): Promise<{ "signature-input": string; signature: string }> {
  const { method = "GET", path = "/orders/1", query = "", authority = HOST, fields = {}, label = "sig1" } = signing;
  const usual = ["@method", "@authority", "@path", "@query"];
  const covered = signing.covered ?? (fields["content-digest"] === undefined ? usual : [...usual, "content-digest"]);
  const params = signing.params ?? `;created=${nowSeconds()};keyid="${signing.keyid}"`;
  const values: Record<string, string> = {
    "@method": method,
    "@authority": authority,
    "@path": path,
    "@query": query === "" ? "?" : query,
    "@target-uri": `http://${authority}${path}${query}`,
    "@request-target": path + query,
    "@scheme": "http",
    ...fields,
  };
  const input = `(${covered.map((name) => `"${name}"`).join(" ")})${params}`;
  const lines = covered.map((name) => `"${name}": ${values[name]}`);
  const base = [...lines, `"@signature-params": ${input}`].join("\n");
  return { "signature-input": `${label}=${input}`, signature: `${label}=:${await sign(base)}:` };
}

/** A key of the document. */
export function keyOf({ keyid, jwk }: Signer, more: Partial<MessageKey> = {}): MessageKey {
  return { keyid, algorithm: "ed25519", material: { jwk }, sub: keyid, scopes: [], groups: [], ...more };
}

export const usualProvider: SignatureProvider = {
  kind: "signature",
  name: "partner",
  keys: [],
  algorithms: ["ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "hmac-sha256"],
  components: ["@method", "@authority", "@path", "@query", "content-digest"],
  ageMsMax: 300_000,
  clockSkewMs: 60_000,
};

export const bytesOf = (text: string): Uint8Array => base64url.decode(text);
