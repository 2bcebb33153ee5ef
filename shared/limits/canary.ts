/** Bounds of canaries of a version. */

export const canary = {
  /** A share is so many of 10,000 requests. */
  sharesMax: 10_000,
  stepsMax: 20,
  /** How long a step takes where nobody says it, at least and at most. */
  everyMs: 120_000,
  everyMsMin: 1_000,
  everyMsMax: 7 * 86_400_000,
  /** Share of failed requests that ends a canary, where nobody says another. */
  maxErrors: 0.05,
  /** Before so many requests of a version nothing is said of it. */
  requestsMin: 20,
  /** Standard deviations by which a version must be worse, as it is looked at again and again. */
  deviations: 3,
  /** What a version may be worse than the stable one: failed requests, and requests that the gateway refused. */
  errorsMargin: 0.01,
  refusedMargin: 0.05,
  /** What was counted lately is judged, too: of this time, and of the same before. */
  recentMs: 30_000,
  /** Routes that are judged apart; the others are together. */
  routesMax: 100,
  /** Hosts without the version that the status names. */
  namedMax: 20,
  /** How often it is looked who has the version yet, and what the time says. */
  lookEveryMs: 250,
  /** For so long after its end agents still decide by a version: requests that it began with may be under way. */
  keptMs: 60_000,
  /** Name or value of the header that asks for the version. */
  headerCharsMax: 256,
} as const;
