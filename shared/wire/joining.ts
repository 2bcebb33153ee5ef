/**
 * Joining by a token of an outside issuer, and coming back by the enrolment key: a second key pair, made with the first
 * identity, whose public half the authority keeps.
 *
 *   POST /v1/join/challenge   -> { challenge }, good once and for a short time by the control plane's clock alone
 *   POST /v1/join/token       TokenJoinRequest -> Credentials
 *   POST /v1/join/key         KeyJoinRequest -> Credentials, for the service and instance that the key was kept for
 *   GET  /v1/join/keys        { keys: EnrolmentKeyInfo[] } role admin, last used first
 *   DELETE /v1/join/keys/ID   role admin -> EnrolmentKeyInfo
 *
 * What is signed is JSON of an array, which begins with what it is for: no two messages have one text.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { EnrolmentKey } from "../policy/joining.ts";

const publicKey = z.string().check(z.maxLength(limits.wire.keyCharsMax));
const signature = z.string().check(z.maxLength(limits.wire.signatureCharsMax));
const csr = z.string().check(z.maxLength(limits.wire.csrCharsMax));
const challenge = z.string().check(z.maxLength(limits.wire.keyCharsMax));

export const challengeAnswerSchema = z.object({ challenge });

/** With an enrolment by join token: `mac` = base64url HMAC under the token's secret over `joinInput.enrol`. */
export const enrolWithKeySchema = z.object({
  key: publicKey,
  mac: z.string().check(z.maxLength(limits.wire.idCharsMax)),
});

/** With a renewal: `proof` by the key that was certified last, as the renewal's own, over `joinInput.renew`. */
export const renewWithKeySchema = z.object({ key: publicKey, proof: signature });

export const tokenJoinRequestSchema = z.object({
  /** JWT of an issuer of the document. */
  token: z.string().check(z.maxLength(limits.identity.tokenBytesMax)),
  instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
  csr,
  challenge,
  /** The enrolment key, SPKI, base64 of the DER; ECDSA P-256. */
  key: publicKey,
  /** Its signature over `joinInput.token`: ECDSA with SHA-256, base64 of the IEEE P1363 form. */
  proof: signature,
});
export type TokenJoinRequest = z.infer<typeof tokenJoinRequestSchema>;

export const keyJoinRequestSchema = z.object({ csr, challenge, key: publicKey, proof: signature });
export type KeyJoinRequest = z.infer<typeof keyJoinRequestSchema>;

export const joinInput = {
  enrol: (id: string, instance: string, certificateRequest: string, key: string): string =>
    JSON.stringify(["enrol-key", id, instance, certificateRequest, key]),
  renew: (certificateRequest: string, key: string): string => JSON.stringify(["renew-key", certificateRequest, key]),
  token: (request: Omit<TokenJoinRequest, "proof">): string =>
    JSON.stringify(["join-token", request.challenge, request.token, request.instance, request.csr, request.key]),
  key: (request: Omit<KeyJoinRequest, "proof">): string =>
    JSON.stringify(["join-key", request.challenge, request.csr, request.key]),
};

export interface EnrolmentKeyInfo extends EnrolmentKey {
  /** When it is forgotten unless it is used, milliseconds since the epoch. */
  readonly expiresAtMs: number;
}
