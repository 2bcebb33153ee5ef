/** Bounds of joining without a join token, and of coming back. */

const KiB = 1024;

export const join = {
  /** Issuers of one document whose tokens let workloads join, its rules, the conditions of a rule and the texts of one. */
  issuersMax: 32,
  rulesMax: 1_000,
  claimsMax: 16,
  valuesMax: 100,
  /** A claim's name with the names that it lies below. */
  claimCharsMax: 256,
  /** Longest life of a token that is believed (`exp` less `iat`), unless the document says otherwise, and at most. */
  tokenLifetimeMs: 25 * 3_600_000,
  tokenLifetimeMsMax: 7 * 86_400_000,
  /** Tokens that were shown, remembered until they end; beyond that nobody joins by one. */
  usedTokensMax: 100_000,
  /** A challenge is good for this long, by the control plane's clock alone. */
  challengeMs: 120_000,
  /** A key with which an agent comes back is forgotten when it was not used for this long, unless the document says otherwise. */
  keyLifetimeMs: 90 * 86_400_000,
  keyLifetimeMsMin: 1_000,
  keyLifetimeMsMax: 366 * 86_400_000,
  /** Keys known at once; the one unused for the longest goes first. */
  keysMax: 50_000,
  /** Of these the list shows so many, last used first. */
  keysListed: 1_000,
  /** Answer of a metadata server or another local source of tokens. */
  sourceWaitMs: 5_000,
  /** A file of a token, and one of a key for the agent's state. */
  fileBytesMax: 64 * KiB,
  /** What a key for the agent's state has at least. */
  stateKeyBytesMin: 32,
} as const;

/** Lives of certificates, and of the tokens beside them, that a document may set. */
export const certificateLives = {
  lifetimeMsMin: 2_000,
  lifetimeMsMax: 7 * 86_400_000,
  /** Backdating is at most this share of the life. */
  backdateShare: 1 / 12,
} as const;
