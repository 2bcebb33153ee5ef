/** Joining by a token of the platform, and coming back by the enrolment key: `POST /v1/join/token` and `POST /v1/join/key`. */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { credentialsSchema } from "../../shared/wire/enrolment.ts";
import { challengeAnswerSchema, joinInput } from "../../shared/wire/joining.ts";
import { type AgentIdentity, fingerprintOf } from "../tls/identity.ts";
import { makeKey, makeSigningRequest } from "../tls/signing-request.ts";
import { EnrolmentError, identityOf, postFor } from "./enrolment.ts";
import { type EnrolmentKey, publicHalf, signText } from "./enrolment-key.ts";

/** How an agent joins without a join token. */
export interface PlatformJoin {
  readonly controlUrl: string;
  /** The only root that is believed, SHA-256 of its DER, hex; absent: the one that the control plane answers, by its TLS. */
  readonly rootFingerprint: string | undefined;
  /** Asked anew for each attempt: tokens are short-lived and often good once. @throws EnrolmentError */
  readonly token: () => Promise<string>;
}

/**
 * Trades a token of the platform for an identity. The request is signed by the enrolment key over a fresh challenge, and the
 * token with it: shown once, it is good with that key alone.
 * @throws EnrolmentError
 */
export async function joinByToken(
  { controlUrl, rootFingerprint, token: obtain }: PlatformJoin,
  enrolment: EnrolmentKey,
  instance: string,
  nowMs: number,
): Promise<AgentIdentity> {
  const token = await obtain();
  const { key, csr, challenge } = await begin(controlUrl);
  const request = { token, instance, csr, challenge, key: publicHalf(enrolment) };
  const proof = signText(createPrivateKey(enrolment.privateKey), joinInput.token(request));
  const credentials = await postFor(credentialsSchema, controlUrl, "/v1/join/token", { ...request, proof });
  const root = rootFingerprint ?? firstRoot(credentials.roots);
  const kept = { controlUrl, rootFingerprint: root, instance };
  return identityOf(credentials, key, kept, nowMs, (fingerprint) => fingerprint === root);
}

/**
 * A new identity for the service and instance that the key was kept for.
 * @param isKnownRoot decides by a root's fingerprint
 * @throws EnrolmentError
 */
export async function joinByKey(
  enrolment: EnrolmentKey,
  isKnownRoot: (fingerprint: string) => boolean,
  nowMs: number,
): Promise<AgentIdentity> {
  const { controlUrl, instance, privateKey } = enrolment;
  const { key, csr, challenge } = await begin(controlUrl);
  const request = { csr, challenge, key: publicHalf(enrolment) };
  const proof = signText(createPrivateKey(privateKey), joinInput.key(request));
  const credentials = await postFor(credentialsSchema, controlUrl, "/v1/join/key", { ...request, proof });
  const kept = { controlUrl, rootFingerprint: enrolment.roots[0] ?? firstRoot(credentials.roots), instance };
  return identityOf(credentials, key, kept, nowMs, isKnownRoot);
}

async function begin(controlUrl: string) {
  const key = makeKey();
  const { challenge } = await postFor(challengeAnswerSchema, controlUrl, "/v1/join/challenge", {});
  return { key, csr: makeSigningRequest(key, createPublicKey(key)), challenge };
}

function firstRoot([pem]: readonly string[]): string {
  if (pem === undefined) throw new EnrolmentError("the control plane answered without a root", true);
  return fingerprintOf(new X509Certificate(pem));
}
