/** Bounds of signed requests: HTTP message signatures (RFC 9421), digests (RFC 9530) and webhooks. */

const KiB = 1024;

export const signature = {
  /** `Signature-Input` and `Signature`, each with all its lines. */
  fieldBytesMax: 8 * KiB,
  /** Signatures of one message; each proxy on its way may have added one. */
  labelsMax: 8,
  /** Components that one signature covers, and parameters of a component or a signature. */
  componentsMax: 32,
  paramsMax: 16,
  /** Longest label, component name, `keyid`, `nonce` or other parameter. */
  textCharsMax: 256,
  /** A signature itself: of the longest RSA key. */
  signatureBytesMax: 1 * KiB,
  /** Text that is signed. */
  baseBytesMax: 64 * KiB,
  /** `Content-Digest`, and the algorithms that it names. */
  digestBytesMax: 2 * KiB,
  digestsMax: 8,
  /** How long after `created` a signature is taken, and the longest that a document may say. */
  ageMs: 300_000,
  ageMsMax: 86_400_000,
  /** Keys in a document, for each provider. */
  keysMax: 64,
  /** Time between a webhook's stamp and its coming, both ways (Standard Webhooks). */
  toleranceMs: 300_000,
  toleranceMsMax: 3_600_000,
  /** Signatures of one webhook, and secrets and public keys of one provider: the old and the new, and some to spare. */
  webhookSignaturesMax: 8,
  webhookKeysMax: 4,
  /** Field with the signatures of a webhook. */
  webhookFieldBytesMax: 2 * KiB,
  /** Secrets of Standard Webhooks, once decoded; secrets that vendors of other styles hand out, as text. */
  webhookSecretBytesMin: 24,
  webhookTextSecretBytesMin: 16,
} as const;
