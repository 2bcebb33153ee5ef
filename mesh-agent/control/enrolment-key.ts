/** The second key pair of an instance: not for connections, only for coming back when everything else has ended. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod/mini";
import { type AgentIdentity, fingerprintOf } from "../tls/identity.ts";
import { makeKey } from "../tls/signing-request.ts";
import type { OpenState, StateFile } from "./state-file.ts";

const enrolmentKeySchema = z.object({
  format: z.literal(1),
  /** URL of the control API. */
  controlUrl: z.string(),
  instance: z.string(),
  /** PKCS#8, PEM. */
  privateKey: z.string(),
  /** Fingerprints of the roots that are believed when everything else is lost; none: nobody has joined with it yet. */
  roots: z.array(z.string()),
});
/** As it is kept. */
export type EnrolmentKey = z.infer<typeof enrolmentKeySchema>;

export function enrolmentKeyFile(open: OpenState): StateFile<EnrolmentKey> {
  return open("enrolment.json", (value) => enrolmentKeySchema.parse(value));
}

export function makeEnrolmentKey(controlUrl: string, instance: string): EnrolmentKey {
  const privateKey = makeKey().export({ type: "pkcs8", format: "pem" }).toString();
  return { format: 1, controlUrl, instance, privateKey, roots: [] };
}

/** The same key once an identity was given with it: where it is good, and whom it believes. */
function joinedWith(key: EnrolmentKey, { controlUrl, instance, roots, rootFingerprint }: AgentIdentity): EnrolmentKey {
  const fingerprints = roots.map((root) => fingerprintOf(new X509Certificate(root)));
  return { ...key, controlUrl, instance, roots: [...new Set([rootFingerprint, ...fingerprints])] };
}

/** With each new identity: writes down where the key is good and whom it believes, when that is new. @param key as it is kept */
export function keepJoined(file: StateFile<EnrolmentKey>, key: EnrolmentKey, identity: AgentIdentity): EnrolmentKey {
  const joined = joinedWith(key, identity);
  if (!isDeepStrictEqual(joined, key)) file.saveNow(joined);
  return joined;
}

/** Its public half: SPKI, base64 of the DER. */
export function publicHalf({ privateKey }: Pick<EnrolmentKey, "privateKey">): string {
  const key = createPublicKey(createPrivateKey(privateKey));
  return key.export({ type: "spki", format: "der" }).toString("base64");
}

/** ECDSA with SHA-256, base64 of the IEEE P1363 form. */
export function signText(key: KeyObject, text: string): string {
  return sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64");
}
