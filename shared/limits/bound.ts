/** Bounds of what binds a client to its credentials: DPoP proofs (RFC 9449), client certificates, and proofs that pass once. */

const KiB = 1024;

export const dpop = {
  /** Longest proof that is read; with an RSA key of 8192 bits one has about 4 KiB. */
  proofBytesMax: 8 * KiB,
  jtiCharsMax: 256,
  htuCharsMax: 8 * KiB,
  /** How old a proof may be, by its `iat` and our clock. */
  proofAgeMsMax: 60_000,
  /** How far ahead of ours the client's clock may be. */
  clockAheadMs: 10_000,
  /** Both, where a nonce of ours says how fresh a proof is: clocks of clients are often wrong. */
  clockSkewWithNonceMs: 300_000,
  /** A nonce is given out for this long, and accepted for as long again. */
  nonceMs: 60_000,
  /** Public keys of proofs that are kept imported. */
  keysMax: 2_000,
} as const;

/** Proofs that pass once: DPoP proofs, and signatures and webhooks where the document says so. */
export const replay = {
  /** Objects that remember proofs of one kind, by the first bits of their hash. */
  shards: 16,
  /** Proofs that one object remembers until they end; when it is full no further one is accepted. */
  proofsMax: 100_000,
  /** An object forgets ended proofs at this pace, and at most once a second when it is full. */
  purgeEveryMs: 30_000,
  purgeWhenFullEveryMs: 1_000,
  /** Wait for an object before a proof counts as not checkable. */
  waitMs: 2_000,
  /** Proofs of one kind that an isolate remembers by itself, so that a replay to the same isolate costs no call. */
  seenMax: 10_000,
} as const;

export const clientCertificate = {
  /** DER of one certificate; Cloudflare passes on up to 10 KB. */
  bytesMax: 16 * KiB,
  /** Attributes of a distinguished name, and alternative names, that are read. */
  attributesMax: 64,
  alternativeNamesMax: 64,
  /** Parsed certificates that an isolate remembers, and the characters of their texts together. */
  rememberedMax: 2_000,
  rememberedCharsMax: 8 * KiB * KiB,
  /** Accepted issuers and fingerprints of one provider. */
  listMax: 100,
  /** Addresses of TLS terminators. */
  terminatorsMax: 32,
} as const;
