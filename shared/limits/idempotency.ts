/** Bounds of remembered requests (`idempotency` of a route). */

const KiB = 1024;
const MiB = 1024 * KiB;

export const idempotency = {
  /** Longest key; what clients use are UUIDs of 36 characters. */
  keyCharsMax: 255,
  /** Headers of a request that one route adds to its fingerprint. */
  headersMax: 16,
  /** How long an answer is remembered, `ttl` of the route. */
  ttlMs: 24 * 3_600_000,
  ttlMsMin: 1_000,
  ttlMsMax: 31 * 86_400_000,
  /** Largest body that is remembered, `maxResponse` of the route. */
  answerBytesMax: 1 * MiB,
  /** The end of its range: a row of the store holds 2 MB in all. */
  answerBytesMaxMax: 1_792 * KiB,
  /** Names and values of the remembered fields. */
  answerFieldsBytesMax: 16 * KiB,
  /** A body that takes longer after its head is passed on and not remembered. */
  answerWithinMs: 8_000,
  /** From the end of an answer until its record is given up; the client's answer ends no earlier than its record is written. */
  storeWithinMs: 2_000,
  /** Pause before a call of the store is made again within that time. */
  storeRetryMs: 100,
  /** The store's answer, beside the time that it holds a question. */
  askWithinMs: 2_000,
  /** The longest that one call is held; who waits for longer asks again. */
  holdMsMax: 20_000,
  /** Calls that one object holds at once; more are told at once that the request is running. */
  heldMax: 1_000,
  /** Copies of an answer that are made at once for those who waited for it, and the pause before the next ones. */
  copiedBytesMax: 8 * MiB,
  copyPauseMs: 10,
  /** Objects over which the keys of one identity on one route are spread, and those of everybody anonymous there. */
  shards: 4,
  anonymousShards: 64,
  /** Records of one object; more are refused. */
  recordsMax: 100_000,
  /** Bodies of one object; answers beyond that are not remembered, only that they were given. */
  storedBytesMax: 256 * MiB,
  /** Records that ended are removed this often at most, and so many at once. */
  sweepMs: 60_000,
  sweepRowsMax: 5_000,
  /** Addresses of objects remembered by an isolate. */
  addressesMax: 10_000,
} as const;
