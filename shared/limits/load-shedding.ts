/** Bounds of load shedding, `gateway.shedding`. */
export const loadShedding = {
  /** Requests that an isolate begins with, before it has learned what the upstream takes. */
  concurrency: 50,
  /** The ends of what it can learn. */
  concurrencyMin: 1,
  concurrencyMax: 10_000,
  /** Latency over that of an unloaded upstream that is no overload. */
  tolerance: 1.2,
  toleranceMax: 10,
  /** Latencies of so few milliseconds more are noise. */
  slackMs: 2,
  /** The limit moves after so many answers, and not more often than this. */
  windowAnswers: 20,
  windowMs: 100,
  /** By how much one window can lower it. */
  shrinkMin: 0.5,
  /** Share of it that an upstream that says itself that it is overloaded is left. */
  overloadedShrink: 0.8,
  /** A caller that has left after this share of the time that it gave has waited in vain, which says that there is overload. */
  inVainShare: 0.9,
  /** How fast it follows what a window says. */
  smoothing: 0.5,
  /** While requests are refused, latency without load is measured at these times of the clock, by all isolates at once. */
  probeEveryMs: 15_000,
  /** What of the limit is used meanwhile. */
  probeShare: 0.25,
  /** Length of that, in latencies, and its ends; its first third empties the upstream's queue and is not measured. */
  probeLatencies: 6,
  probeMsMin: 128,
  probeMsMax: 2_000,
  probeAnswersMin: 3,
  /** Answers that the latency of an unloaded upstream is an average of, and how many of them count against those of a probe. */
  baselineAnswersMax: 200,
  baselineAnswersProbed: 20,
  /** Answers to requests that met so few others are unloaded; while little is known, so many. */
  aloneMax: 2,
  aloneAtStartMax: 4,
  /** How much less certain a latency of few answers is. */
  doubt: 1.5,
  /** Answers this much faster than known make it known. */
  fasterShare: 0.7,
  /** Share of the time that an upstream may say that it had no place for a priority before the edge refuses more of that. */
  fullShareMax: 0.6,
  /** How long it takes to refuse all of a priority for which there never is a place. */
  loadMoveMs: 2_000,
  /** The longest pause between two words that moves it. */
  loadStepMsMax: 250,
  /** What an upstream said is good for this long; after that it is forgotten by half in the other time. */
  loadFreshMs: 500,
  loadHalfMs: 1_000,
  /** Places that are kept free for a priority that was refused are given back by half in this time. */
  reserveHalfMs: 2_000,
  /** Requests at once are told as a mean, whose past counts half after this time. */
  meanHalfMs: 100,
  /** Share of the limit that one priority can have kept free. */
  reservedShareMax: 0.5,
  /** Routes of an upstream whose latencies are known apart; later ones share one. */
  routesMax: 64,
  /** Upstreams that an isolate knows. */
  upstreamsMax: 1_000,
  /** Customers' plans that have a priority. */
  plansMax: 64,
  /** Requests that were cut off are looked for this often, and given up this long after their deadline. */
  sweepMs: 1_000,
  retryAfterSeconds: 1,
} as const;
