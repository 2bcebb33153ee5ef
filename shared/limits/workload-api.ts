/** Bounds of the SPIFFE Workload API that agents serve to applications. */

export const workloadApi = {
  /** Applications that are connected, and calls of them all that wait for what changes. */
  connectionsMax: 256,
  streamsMax: 512,
  /** What a call sends: its requests have no parameters. */
  requestBytesMax: 4 * 1024,
  /** How long what is under way may take when the agent ends. */
  closeGraceMs: 500,
} as const;
