/** Bounds of life cycles and of traffic at the edge. */

export const lifeCycle = {
  /** Brownouts of one route. */
  brownoutsMax: 64,
  /** Callers that an isolate counts apart; the others are counted together. */
  isolateCallersMax: 200,
  /** Callers of deprecated routes that the control plane remembers; those that came last. */
  callersMax: 10_000,
  /** For so long after their last call. */
  callersKeptMs: 400 * 86_400_000,
} as const;

export const edgeTraffic = {
  /** Rules of one route. */
  rulesMax: 20,
  /** Upstreams that one rule splits among. */
  variantsMax: 16,
  /** Shares in which a client's cookie says where it belongs. */
  buckets: 10_000,
  stickyMaxAgeMsMax: 400 * 86_400_000,
  stickyMaxAgeMs: 30 * 86_400_000,
  /** Copies that an isolate has under way at once. */
  mirrorsMax: 64,
  /** Largest content of a request that is copied; it is held whole. */
  mirrorBytesMax: 64 * 1024,
  /** Of a copy's answer, which is read and thrown away so that its connection can be used again. */
  mirrorDrainBytesMax: 64 * 1024,
} as const;
