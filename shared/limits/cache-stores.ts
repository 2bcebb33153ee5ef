/** Bounds of what is stored of answers, of purges, and of equal requests that wait for one another. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const cacheStores = {
  /** What one isolate keeps in memory, heads and bookkeeping included: an isolate of Cloudflare has 128 MB for everything. */
  memoryBytesMax: 32 * MiB,
  /** A larger body goes to the next store, so that one never pushes out a thousand small ones. */
  memoryBodyBytesMax: 1 * MiB,
  /** Any body; larger ones are passed on and not stored. */
  bodyBytesMax: 64 * MiB,
  /** Fields, tags and the rest of one head, as text. */
  headBytesMax: 96 * KiB,
  /** A longer key is not stored: a target of 16 KiB and what else tells answers apart. */
  keyCharsMax: 32 * KiB,
  /** Answers of one key, for different selecting fields; the oldest goes first. */
  variantsMax: 32,
  /**
   * What an isolate holds of bodies on their way into stores, and of those that are stored and that slow clients have not read yet;
   * beyond it answers are passed on at their clients' pace and not stored. Of it, what bodies take that are not small.
   */
  writingBytesMax: 16 * MiB,
  writingLargeBytesMax: 12 * MiB,
  smallBodyBytesMax: 128 * KiB,
  /** How far a body is read for its stores before its client has read it. */
  aheadBytesMax: 1 * MiB,
  /** A body that takes longer is passed on and not stored. */
  writeWithinMs: 60_000,
  /** A store that takes longer over one piece is left out. */
  pieceWithinMs: 2_000,
  /** The end of an answer waits this long for a store that has all of it, so that who repeats a request finds its answer. */
  commitHoldMs: 100,
  /** One question to a store that is not in the isolate, on a request's way; after that it has nothing. */
  findWithinMs: 500,
  /** A shard that failed is not asked again within this. */
  shardRestMs: 1_000,
  /** Objects over which keys are spread. */
  shards: 16,
  /** One row of a body: a row of the objects' storage holds 2 MB. */
  pieceBytesMax: 1 * MiB,
  /** Everything in one object; it makes room by itself. */
  shardBytesMax: 256 * MiB,
  /** What is left of a body that nobody committed goes after this. */
  uncommittedMs: 120_000,
  /** A body that was removed stays for those who are reading it, from the last piece that was read. */
  readerGraceMs: 30_000,
  /** Bodies of one object that are remembered as being read. */
  readersMax: 10_000,
  /** What has ended is removed this often at most, and so many rows at once. */
  sweepMs: 60_000,
  sweepRowsMax: 1_000,
} as const;

/** Purges, which are visible everywhere within 5 s. */
export const cachePurges = {
  /** That are remembered one by one; with more, of the older half only hashes are left. */
  purgesMax: 2_000,
  /** Different hashes: with a thousand purges a second of other things, a stored answer still lives for 16 s on average. */
  hashes: 16_384,
  /** Characters of all of them: an isolate that begins asks for all at once. */
  purgesCharsMax: 256 * KiB,
  /** Nothing is stored for longer, so no purge has to be remembered for longer. */
  keepMsMax: 31 * 86_400_000,
  /** Of one call. */
  scopesMax: 100,
  /** No answer is stored with a longer one (`limits.cache.tagCharsMax`). */
  tagCharsMax: 256,
  hostCharsMax: 253,
  /** What an isolate knows of purges is asked for again after this, beside a request. */
  confirmAfterMs: 1_000,
  /** Nothing is served from any store by knowledge older than this. */
  staleMs: 3_000,
  /** A request that finds it older waits this long for it, and goes to the origin then. */
  askWithinMs: 500,
  /** A question counts as lost after this. */
  lostAfterMs: 2_000,
  /** Pause after one that failed. */
  retryMs: 500,
  /** What users are promised from the answer of a purge on: staleMs, and one second for a request that is under way. */
  visibleWithinMs: 4_000,
  /** The log's answer to whoever purges, and the stores' for what they forget then. */
  purgeWithinMs: 5_000,
} as const;

/** Equal misses that wait for one another. */
export const cacheCollapse = {
  /** Longest wait for who leads; after it a request asks the origin itself. */
  waitMs: 5_000,
  /** One who leads and says nothing is given up after this. */
  leaseMs: 10_000,
  /** Answers that were not stored are not waited for again within this. */
  apartMs: 10_000,
  /** Keys of an isolate, or of a shard, that are led or apart; more are not collapsed, nor longer ones: 5 MB of each kind at most. */
  keysMax: 5_000,
  keyCharsMax: 1_024,
  /** Calls that one shard holds at once; more are told to go alone. */
  heldMax: 1_000,
} as const;
