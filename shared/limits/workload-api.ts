/** Bounds of the SPIFFE Workload API that agents serve to applications, and of one that they are clients of. */

export const workloadApi = {
  /** Applications that are connected, and calls of them all that wait for what changes. */
  connectionsMax: 256,
  streamsMax: 512,
  /** What a call sends: its requests have no parameters. */
  requestBytesMax: 4 * 1024,
  /** How long what is under way may take when the agent ends. */
  closeGraceMs: 500,
  /** One message of another's API: SVIDs with their chains, and bundles. */
  responseBytesMax: 1024 * 1024,
  /** How long it may take to begin an answer. */
  answerWaitMs: 30_000,
  /** Pauses before it is called again: full jitter, doubled with each call that ended before it had lasted `steadyMs`. */
  retryBaseMs: 200,
  retryMaxMs: 30_000,
  steadyMs: 10_000,
} as const;
