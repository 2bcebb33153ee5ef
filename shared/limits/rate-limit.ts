/** Rate limits: their algorithms, and what lies with isolates in advance. */

export const rateLimit = {
  /** Up to this limit the sliding window is an exact log, above it counters of slices that never admit more. */
  exactLogMax: 1_000,
  /** Slices of such a window; at a steady rate one part in one more than these stays unused. */
  slidingSlices: 60,
  limitMax: 1_000_000_000,
  windowMsMax: 31 * 86_400_000,
  /** One part in so many of a limit may lie with isolates: the most that leases leave unused. */
  leasedPart: 32,
  /** The same of a burst. */
  leasedBurstPart: 8,
  /** A lease lives for one part in so many of its window, and no longer than the other; shorter ones are not lent. */
  leaseWindowPart: 10,
  leaseMsMax: 10_000,
  leaseMsMin: 20,
  /** What an object waits longer for a lease to end than the isolate spends of it: its clock may stand still meanwhile. */
  leaseMarginMs: 250,
  /** Isolates that one limit lends to at once; more are answered request by request. */
  accountsMax: 256,
  /** How long an isolate refuses by itself before it asks again, since something may have been given back. */
  refusedMsMax: 10_000,
  /** The same where nobody holds anything that could be. */
  refusedSurelyMsMax: 600_000,
  /** The same where requests give back what they reserved, and where they are counted only while they run. */
  reservedRefusedMsMax: 1_000,
  concurrentRefusedMsMax: 100,
  /** Isolates that hold leases of a burst which is used up ask again when one part in so many has come back. */
  burstSteps: 12,
  /** An isolate renews a lease in the background when this part of it is left. */
  renewPart: 4,
  /** Pause after a renewal that failed. */
  renewPauseMs: 250,
  /** Questions a second from which on shards answer for a limiter; the network lets about twice as many reach an object. */
  callsPerSecondMax: 500,
  /** Over how long they are measured. */
  loadMs: 2_000,
  /** Shards of one limit, and what each must be able to hold. */
  shardsMax: 32,
  shardTokensMin: 8,
  /** How long a new number of shards takes to be felt, before there are more. */
  shardsFeltMs: 5_000,
  /** They become fewer when they were asked for less than one part in so many of what they bear, for so long. */
  shardsFewerPart: 4,
  shardsKeptMs: 60_000,
  /** How often a shard that holds tokens looks whether it needs them yet. */
  shardLookMs: 1_000,
  /** A shard's wait for its limiter: shorter than that of an isolate, which wants an answer either way. */
  shardWaitMs: 700,
  /** An isolate whose shard did not answer asks the limiter itself for so long. */
  shardAvoidMs: 10_000,
  /** A request that reserved tokens and was never heard of again has used them after this. */
  reservedMsMax: 600_000,
  /** Body of an answer that is read to find what its request cost; a longer one costs what was reserved. */
  costBodyBytesMax: 1024 * 1024,
  costMax: 1_000_000_000,
  /** Plans and consumers that one limit has values for, each: every isolate holds them all. */
  rowsMax: 1_000,
  rowNameCharsMax: 256,
  /** Different rows of a route's limits, taken together, that an isolate has at hand. */
  chosenRowsMax: 1_000,
  /** The ends of `timeout` of a limit; its default is `gateway.limiterWaitMs`. */
  timeoutMsMin: 10,
  timeoutMsMax: 10_000,
  /** A limiter that failed so often in a row is asked beside the requests alone, first after this pause, which doubles up to ten times. */
  failuresMax: 3,
  restMs: 500,
  /** The longest rest, in first ones. */
  restGrowthMax: 10,
  /** Limiters of one limit that failed in a row, none of its others having answered: the whole limit is taken for out of reach. */
  limitersFailingMax: 5,
  /** Limits whose limiters an isolate watches. */
  watchedMax: 1_000,
  keyPartsMax: 8,
  /** Of a key's text; a longer one is hashed, since clients choose how long it is. */
  keyCharsMax: 256,
} as const;
