/**
 * Challenges that an agent signs: made by any isolate, kept by none. They carry their end by the control plane's own clock
 * and a MAC under a key of their own, derived from `TOKEN_SECRET`; that each is used once is the authority's work.
 */
import { join as bounds } from "../../../shared/limits/join.ts";
import { fromBase64Url, randomBytes, toBase64Url, utf8 } from "./bytes.ts";
import { importMacKey, mac, macIsGood } from "./mac.ts";

const PURPOSE = "selvage join challenge";

async function macKey(tokenSecret: string | undefined): Promise<CryptoKey> {
  const secret = tokenSecret === undefined ? undefined : fromBase64Url(tokenSecret);
  if (secret === undefined || secret.length < 32) throw new Error("TOKEN_SECRET must be 32 random bytes as base64url");
  return importMacKey(await mac(await importMacKey(secret), PURPOSE));
}

export async function makeChallenge(tokenSecret: string | undefined, nowMs: number): Promise<string> {
  const body = `${nowMs + bounds.challengeMs}.${toBase64Url(randomBytes(16))}`;
  return `${body}.${toBase64Url(await mac(await macKey(tokenSecret), body))}`;
}

/** @returns until when it is good, milliseconds since the epoch, or why it is not */
export async function challengeEnd(
  tokenSecret: string | undefined,
  challenge: string,
  nowMs: number,
): Promise<number | string> {
  const [, body = "", end = "", code = ""] = /^((\d{1,16})\.[\w-]{22})\.([\w-]{43})$/.exec(challenge) ?? [];
  const given = fromBase64Url(code);
  if (given === undefined || !(await macIsGood(await macKey(tokenSecret), given, body)))
    return "the challenge is not one of this control plane";
  return nowMs < Number(end) ? Number(end) : "the challenge has ended";
}

/** What a challenge is remembered by once it was used. */
export const challengeId = async (challenge: string): Promise<string> =>
  toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(challenge))));
