/**
 * How an agent gets its identity. The join token carries the control URL, an id and a secret; the secret itself never
 * travels: request and answer are bound by HMAC-SHA-256 under SHA-256(secret), so each side knows the other and no one
 * between can exchange any of it, even where the first contact is plain HTTP. The fingerprint pins the root.
 * SHA-256 is over the 32 bytes that `secret` encodes, not over its text.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import { enrolWithKeySchema, renewWithKeySchema } from "./joining.ts";

/** Join token: `sjt1.` and base64url of this as JSON. */
export const joinTokenSchema = z.object({
  /** URL of the control API. */
  url: z.string(),
  /** SHA-256 of the root certificate's DER, hex. */
  root: z.string().check(z.length(64)),
  /** Id under which the control plane knows it. */
  id: z.string(),
  /** base64url of 32 random bytes. */
  secret: z.string(),
});
export type JoinToken = z.infer<typeof joinTokenSchema>;
export const JOIN_TOKEN_PREFIX = "sjt1.";

/** `POST /v1/enrol`. `mac` = base64url HMAC over `macInput.request`. */
export const enrolRequestSchema = z.object({
  id: z.string().check(z.maxLength(limits.wire.idCharsMax)),
  /** PKCS#10, base64 of the DER. ECDSA P-256. Its subject and extensions are ignored: the token names the service. */
  csr: z.string().check(z.maxLength(limits.wire.csrCharsMax)),
  instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
  mac: z.string().check(z.maxLength(limits.wire.idCharsMax)),
  /** The key by which this instance comes back later; absent: an older agent. */
  enrolment: z.optional(enrolWithKeySchema),
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

/** Answer to both enrolment and renewal. On enrolment `mac` = base64url HMAC over `macInput.answer`. */
export const credentialsSchema = z.object({
  service: z.string(),
  trustDomain: z.string(),
  /** PEM, leaf first, then the issuing certificate. */
  certificates: z.array(z.string()),
  /** PEM roots. */
  roots: z.array(z.string()),
  /** Bearer for the hub and for renewal; role agent, this instance only. */
  token: z.string(),
  mac: z.optional(z.string()),
  /**
   * PEM: by what these the holder of a former root learns which root is believed now; former roots, and what each signed of the
   * next. Believed for its signatures alone.
   */
  lineage: z.optional(z.array(z.string()).check(z.maxLength(limits.authority.lineageMax * 2))),
});
export type Credentials = z.infer<typeof credentialsSchema>;

/**
 * `POST /v1/renew`, role `agent`: a new CSR (a new key is allowed). The token says who asks; that it is not somebody who
 * found the token is proven by the key that was certified last, whose hash the token carries.
 */
export const renewRequestSchema = z.object({
  csr: z.string().check(z.maxLength(limits.wire.csrCharsMax)),
  /** Public key that was certified last: SPKI, base64 of the DER. */
  key: z.string().check(z.maxLength(limits.wire.keyCharsMax)),
  /** Its signature over `renewalProofInput`: ECDSA P-256 with SHA-256, base64 of the IEEE P1363 form. */
  proof: z.string().check(z.maxLength(limits.wire.signatureCharsMax)),
  /** As in `EnrolRequest`. */
  enrolment: z.optional(renewWithKeySchema),
});
export type RenewRequest = z.infer<typeof renewRequestSchema>;

export const renewalProofInput = (csr: string): string => `renew\n${csr}`;

/** JSON of an array: no two messages have one text. */
export const macInput = {
  request: ({ id, instance, csr }: Pick<EnrolRequest, "id" | "instance" | "csr">): string =>
    JSON.stringify(["enrol", id, instance, csr]),
  answer: ({ id, instance }: Pick<EnrolRequest, "id" | "instance">, answer: Omit<Credentials, "mac">): string => {
    const { service, trustDomain, certificates, roots, token } = answer;
    return JSON.stringify(["enrolled", id, instance, service, trustDomain, certificates, roots, token]);
  },
};
