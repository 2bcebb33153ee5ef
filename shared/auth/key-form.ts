/**
 * What an API key looks like: `<prefix>_<24 random characters><6 characters of checksum>`, in base62. The checksum proves
 * nothing; it lets mistyped and made-up keys be refused without a look-up, and scanners for leaked secrets find real ones.
 */
import { limits } from "../limits.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** log2(62^24) is 142 bits, of which four characters are shown. */
const RANDOM_CHARS = 24;
const CHECKSUM_CHARS = 6;
const SHOWN_CHARS = 4;
/** Bytes from here on would make some characters likelier than others. */
const EVEN_BYTES = 248;

/** Prefix of keys where a provider names none. */
export const DEFAULT_KEY_PREFIX = "slv";
export const KEY_PREFIX = /^[a-z][a-z0-9]{0,15}(?:_[a-z0-9]{1,16})?$/;
const FOREIGN = /^[\x21-\x7e]+$/;
const OWN_REST = /^[0-9A-Za-z]{30}$/;

/**
 * A new key.
 * @param random random bytes; twice as many as characters are always enough in practice
 * @returns undefined when the bytes did not suffice
 */
export function keyOf(prefix: string, random: Uint8Array): string | undefined {
  let text = `${prefix}_`;
  let left = RANDOM_CHARS;
  for (const byte of random) {
    if (left === 0) break;
    if (byte >= EVEN_BYTES) continue;
    text += ALPHABET[byte % ALPHABET.length];
    left--;
  }
  return left === 0 ? text + checksumOf(text) : undefined;
}

/** Random bytes that `keyOf` wants. */
export const KEY_RANDOM_BYTES = 2 * RANDOM_CHARS;

/**
 * Why a text cannot be a key of ours with that prefix, or undefined when it can.
 * @param foreign whether keys of other forms, which were imported, are taken too
 */
export function refuseKeyForm(key: string, prefix: string, foreign: boolean): string | undefined {
  const isOwn =
    key.startsWith(prefix) && key.charAt(prefix.length) === "_" && OWN_REST.test(key.slice(prefix.length + 1));
  if (isOwn && key.endsWith(checksumOf(key.slice(0, -CHECKSUM_CHARS)))) return undefined;
  if (foreign) return refuseForeignKey(key);
  return isOwn ? "the key's checksum is wrong" : `no key of the form ${prefix}_...`;
}

/** Why a text of any form cannot be a key, or undefined. */
export function refuseForeignKey(key: string): string | undefined {
  const { foreignCharsMin, foreignCharsMax } = limits.apiKeys;
  if (key.length < foreignCharsMin || key.length > foreignCharsMax || !FOREIGN.test(key))
    return `a key has ${foreignCharsMin} to ${foreignCharsMax} visible characters`;
  return undefined;
}

/** The first characters of a key: what people and logs may see of it. */
export function keyStart(key: string, prefix: string): string {
  return key.slice(0, key.startsWith(`${prefix}_`) ? prefix.length + 1 + SHOWN_CHARS : SHOWN_CHARS);
}

/** CRC-32 (ISO-HDLC) in base62. */
function checksumOf(text: string): string {
  let crc = -1;
  for (let at = 0; at < text.length; at++) crc = (TABLE[(crc ^ text.charCodeAt(at)) & 255] as number) ^ (crc >>> 8);
  let rest = ~crc >>> 0;
  let sum = "";
  for (let at = 0; at < CHECKSUM_CHARS; at++) {
    sum = ALPHABET[rest % ALPHABET.length] + sum;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return sum;
}

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
