/**
 * Joining by a token of an outside issuer, or by an SVID of one, and coming back by the enrolment key: a second key pair, made with
 * the first identity, whose public half the authority keeps.
 *
 *   POST /v1/join/challenge   -> { challenge }, good once and for a short time by the control plane's clock alone
 *   POST /v1/join/token       TokenJoinRequest -> Credentials
 *   POST /v1/join/svid        SvidJoinRequest -> SvidJoinAnswer; asked again with each SVID, and whenever the token is over
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

/** By an SVID of the mesh's outside issuer; no certificate is asked for. */
export const svidJoinRequestSchema = z.object({
  /** The leaf first, DER in base64; without the root. */
  certificates: z
    .array(z.string().check(z.maxLength(limits.wire.certificateCharsMax)))
    .check(z.minLength(1), z.maxLength(limits.authority.chainMax)),
  instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
  challenge,
  /**
   * Signature of the leaf's key over `joinInput.svid`, base64: ECDSA in the IEEE P1363 form, of P-256 with SHA-256, of P-384 with
   * SHA-384; or RSASSA-PKCS1-v1_5 with SHA-256.
   */
  proof: z.string().check(z.maxLength(limits.wire.svidProofCharsMax)),
});
export type SvidJoinRequest = z.infer<typeof svidJoinRequestSchema>;

export const svidJoinAnswerSchema = z.object({
  service: z.string(),
  trustDomain: z.string(),
  /** Bearer for the hub; it ends with the SVID at the latest. */
  token: z.string(),
});
export type SvidJoinAnswer = z.infer<typeof svidJoinAnswerSchema>;

export const joinInput = {
  svid: (request: Omit<SvidJoinRequest, "proof">): string =>
    JSON.stringify(["join-svid", request.challenge, request.instance, ...request.certificates]),
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
