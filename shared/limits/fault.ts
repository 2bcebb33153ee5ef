/** Bounds of injected faults. */

const KiB = 1024;

export const fault = {
  /** Faults of one service. */
  rulesMax: 20,
  /** Percent of the requests that a fault without `match` may hit, all of its kinds together. */
  percentMax: 50,
  delayMsMax: 300_000,
  /** Of a slow body: below this an answer would stand still. */
  bytesPerSecondMin: 4 * KiB,
  bytesPerSecondMax: 1024 * KiB * KiB,
  /** A slow body leaves in pieces that are so far apart. */
  paceMs: 50,
} as const;
