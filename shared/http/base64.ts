/** RFC 4648, read strictly: one text for one sequence of bytes. */

import { exactUtf8Text } from "./utf8-text.ts";

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...BASE64].map((char, value) => [char, value]));

/** Bytes of a base64 text (section 4) with its padding; undefined for white space, stray bits and anything else. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const chars = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0;
  let bits = 0;
  let count = 0;
  for (let at = 0; at < chars; at++) {
    const value = VALUES.get(text[at] as string);
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0x3fff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[count++] = (held >> bits) & 0xff;
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

/** Last characters whose unused low bits are zero, for a rest of two and of three characters (section 3.5). */
const ENDS_OF_TWO = /[AQgw]$/;
const ENDS_OF_THREE = /[AEIMQUYcgkosw048]$/;

/** Whether a text of the base64url alphabet (section 5, without padding) is the one spelling of its bytes. */
export function isCanonicalBase64url(text: string): boolean {
  const rest = text.length % 4;
  if (rest === 1 || !/^[A-Za-z0-9_-]+$/.test(text)) return false;
  if (rest === 2) return ENDS_OF_TWO.test(text);
  return rest === 0 || ENDS_OF_THREE.test(text);
}

/** Hex digits as base64url without padding. */
export function base64urlOfHex(digits: string): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const digit of digits) {
    held = (held << 4) | Number.parseInt(digit, 16);
    bits += 4;
    if (bits < 6) continue;
    bits -= 6;
    text += BASE64[(held >> bits) & 0x3f];
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += BASE64[(held << (6 - bits)) & 0x3f];
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/** UTF-8 text of canonical base64url; undefined when it is none. */
export function textOfBase64url(text: string): string | undefined {
  if (!isCanonicalBase64url(text)) return undefined;
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  const bytes = bytesOfBase64(padded);
  return bytes === undefined ? undefined : exactUtf8Text(bytes);
}
