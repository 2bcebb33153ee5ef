/** Bounds of listeners that agents open to the outside, and of limits that agents count by themselves. */

export const expose = {
  /** Callers and clients that one agent counts at a time, for each of the two; of more, those that it has not heard of for the longest begin anew. */
  limitKeysMax: 10_000,
  /** `rateLimit` rules of one service: each is counted with every call. */
  callLimitsMax: 8,
  /** A listener that could not be opened is tried again after this. */
  reopenMs: 5_000,
  /** Tokens of an unknown key look for a newer set so often while they wait. */
  keyPollMs: 100,
} as const;
