/** Bounds of the user's own code at the edge (`policies`, `handler`). */

export const code = {
  /** Policies of one route. */
  policiesMax: 16,
  /** Services that the code of one route may call. */
  namedCallsMax: 32,
  /** Calls of one request by such code: Cloudflare allows 1,000 fetches, and on its free plan 50. */
  callsMax: 100,
  /** Lines that the code of one request may write, and the length of each. */
  logLinesMax: 100,
  logCharsMax: 4_096,
  /** Faults of one setting that `check` tells. */
  issuesMax: 10,
  /** Time in which `check` loads the code and has it look at its settings, ms. */
  checkMs: 10_000,
} as const;
