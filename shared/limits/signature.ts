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
} as const;
