/** Bounds of what is known of the whole fleet: how long it goes on without the control plane, and how callers see endpoints. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const fleet = {
  /** An agent that could go on for less than this without the control plane is an alarm, unless the document says otherwise. */
  outageMs: 12 * HOUR,
  /** The shortest and longest that `mesh.outageBudget` may be. */
  outageMsMin: 1_000,
  outageMsMax: 7 * 24 * HOUR,
  /** Of a certificate's life, an agent that waits for its renewal has at least this share left. */
  outageShare: 2 / 3,
  /** Agents that are told to renew do so spread over this time, unless asked otherwise, and at most. */
  renewWithinMs: 30_000,
  renewWithinMsMax: HOUR,
  /** Callers look so often at how their calls went, and say what has changed. */
  observeEveryMs: 10_000,
  /** Said again while it is so: that an endpoint fails, and all else of a service that is called. */
  failingAgainMs: 30_000,
  wholeAgainMs: 5 * MINUTE,
  /** What a caller said counts so long: a little more than two of those pauses. */
  failingForMs: 75_000,
  wellForMs: 13 * MINUTE,
  /** Failures in the window of outlier detection from which a caller sees an endpoint failing, if it sees no more successes. */
  failuresMin: 3,
  /** Services in one report, endpoints in it, and endpoints of one service that a caller tells of. */
  reportServicesMax: 100,
  reportEndpointsMax: 500,
  callerEndpointsMax: 200,
  /** Callers of one service that are summed, and endpoints that a verdict names. */
  callersMax: 10_000,
  verdictEndpointsMax: 50,
  /** A verdict is told at most so often, again while it holds, and believed for this long. */
  verdictGapMs: 1_000,
  verdictAgainMs: 30_000,
  adviceAgainMs: 25_000,
  verdictForMs: 75_000,
  /** Callers that must see an endpoint failing before others are advised. */
  adviseCallersMin: 2,
  /** An endpoint that callers are advised against has this share of its weight. */
  advisedWeightShare: 0.1,
  /** Retries are an alarm from this share of all attempts on, of so many requests in about `retryWindowMs`. */
  retryShare: 0.1,
  retryRequestsMin: 100,
  retryWindowMs: 5 * MINUTE,
} as const;
