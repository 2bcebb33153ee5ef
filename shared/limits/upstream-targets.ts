/** Bounds of `gateway.upstreams`. */

const KiB = 1024;

export const upstreams = {
  upstreamsMax: 256,
  /** Targets of one upstream, and groups that they fail over between. */
  targetsMax: 32,
  groupMax: 8,
  weightMax: 1_000,
  /** A group keeps its requests while so many percent of its targets are healthy: any one of them. */
  sufficientPercent: 1,
  /** Body that is kept for a retry; larger ones, and those of unknown length, are sent once. */
  replayBytesMax: 64 * KiB,
  /** Requests whose isolate was cut off are no longer counted this long after their time. */
  sweepMs: 10_000,
  /** Active checks of one target. */
  checkIntervalMs: 10_000,
  checkIntervalMsMin: 1_000,
  checkIntervalMsMax: 3_600_000,
  checkTimeoutMs: 2_000,
  checkTimeoutMsMax: 30_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
  checksMax: 100,
  /** What is read of the body of a check that must contain a text. */
  checkBodyBytesMax: 64 * KiB,
  checkTextCharsMax: 256,
  /** Checks of one object at once: the platform keeps six connections waiting for an answer. */
  checksAtOnceMax: 6,
  /** Checks end this long after the last gateway asked for them. */
  checkedForMs: 60_000,
  /** When an isolate asks what the others and the checks know: beside requests, at most this often. */
  askAfterMs: 2_000,
  askWithinMs: 2_000,
  askRetryMs: 5_000,
  /** What was heard is believed for this long; without news every target is healthy, as far as the isolate itself knows. */
  believedForMs: 15_000,
  /** Isolates whose ejections one object counts, each until it has not asked for `heardForMs`. */
  isolatesMax: 1_000,
  heardForMs: 10_000,
  /** Isolates that must have ejected a target for all to do: this share of those that ask, within these bounds. */
  agreedShare: 0.25,
  agreedMin: 2,
  agreedMax: 3,
} as const;
