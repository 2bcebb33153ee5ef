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
  /** What an isolate holds of bodies on their way into stores; beyond it answers are passed on and not stored. */
  writingBytesMax: 16 * MiB,
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
  /** What has ended is removed this often at most, and so many rows at once. */
  sweepMs: 60_000,
  sweepRowsMax: 1_000,
} as const;
