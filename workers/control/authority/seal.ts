/**
 * Envelope encryption at rest: each secret under a data key of its own, each data key under the key-encrypting key
 * (`KEY_SECRET`), both with AES-256-GCM. The name of the secret is authenticated, so that rows cannot be exchanged.
 */
import { type Bytes, fromBase64Url, randomBytes, toBase64Url, utf8 } from "./bytes.ts";

const AES = "AES-GCM";
const IV_BYTES = 12;

/** Encrypts and decrypts under one key-encrypting key. */
export interface Sealer {
  /** @returns text for the store */
  seal(name: string, secret: Bytes): Promise<string>;
  /** @throws Error when the key-encrypting key, the name or the text is not the one it was sealed with */
  open(name: string, sealed: string): Promise<Bytes>;
}

/** @param keySecret 32 bytes as base64url. @throws Error when it is anything else */
export async function makeSealer(keySecret: string | undefined): Promise<Sealer> {
  const raw = keySecret === undefined ? undefined : fromBase64Url(keySecret);
  if (raw?.length !== 32) throw new Error("KEY_SECRET must be 32 random bytes as base64url");
  const outer = await aesKey(raw);
  return {
    async seal(name, secret) {
      const dataKey = randomBytes(32);
      const wrapped = await encrypt(outer, name, dataKey);
      return `1.${wrapped}.${await encrypt(await aesKey(dataKey), name, secret)}`;
    },
    async open(name, sealed) {
      const [version, wrapped, body] = sealed.split(".");
      if (version !== "1" || wrapped === undefined || body === undefined)
        throw new Error(`stored secret ${name} has an unknown form`);
      try {
        const dataKey = await decrypt(outer, name, wrapped);
        return await decrypt(await aesKey(dataKey), name, body);
      } catch (cause) {
        throw new Error(`KEY_SECRET does not open the stored secret ${name}: is it the one it was made with?`, {
          cause,
        });
      }
    },
  };
}

function aesKey(raw: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, AES, false, ["encrypt", "decrypt"]);
}

async function encrypt(key: CryptoKey, name: string, plain: Bytes): Promise<string> {
  const iv = randomBytes(IV_BYTES);
  const cipher = await crypto.subtle.encrypt({ name: AES, iv, additionalData: utf8(name) }, key, plain);
  const joined = new Uint8Array(IV_BYTES + cipher.byteLength);
  joined.set(iv);
  joined.set(new Uint8Array(cipher), IV_BYTES);
  return toBase64Url(joined);
}

async function decrypt(key: CryptoKey, name: string, text: string): Promise<Bytes> {
  const joined = fromBase64Url(text);
  if (joined === undefined) throw new Error("not base64url");
  const iv = joined.subarray(0, IV_BYTES);
  const algorithm = { name: AES, iv, additionalData: utf8(name) };
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, joined.subarray(IV_BYTES)));
}
