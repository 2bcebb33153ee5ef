/** Bounds of choosing an endpoint. */

export const balance = {
  /** Cost of an endpoint of which nothing is known, as if it had answered in this time. */
  latencyDefaultMs: 30,
  /** What was measured loses all but 1/e of its weight in this time. */
  decayMs: 10_000,
  /** A failure costs as much as an answer that took so many times what was expected, at most `failureMsMax`. */
  failureFactor: 4,
  failureMsMax: 5_000,
  /** An instance that asks for a pause (`Retry-After`) is costly as if it had taken that long, at most this. */
  pauseMsMax: 60_000,
  /** Weights that a label may give; others count as 1. */
  weightMax: 1_000,
  /** The least share of its weight that a new instance starts with. */
  slowStartShareMin: 0.1,
  slowStartMsMax: 900_000,
  aggressionMax: 10,
  /** Load that an instance may have over the mean before the next one by hash gets its requests. */
  boundedLoadMin: 1,
  boundedLoadMax: 10,
  /** Characters of a header, cookie or claim that are hashed. */
  hashCharsMax: 1_024,
} as const;
