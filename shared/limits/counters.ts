/** Bounds of what isolates count and report to the control plane, `shared/policy/counters.ts`. */
export const counters = {
  /** Series that an isolate counts apart; later ones of a kind are counted together. */
  seriesMax: 1_024,
  /** Characters of one label: an origin can be long. */
  labelCharsMax: 128,
  /** The same of the names of kinds and of what is counted. */
  nameCharsMax: 32,
  labelsMax: 5,
  eventsMax: 40,
  /** Exemplars of one report: of each route and bucket of latency one. */
  reportExemplarsMax: 64,
  /** Series in one report, which travels with a lease request; the others are in the next. */
  reportSeriesMax: 128,
  /** The same in characters of JSON, but for one series: a lease request holds `control.callBytesMax`. */
  reportCharsMax: 40_000,
  /** What nobody has to hear of at once is reported this often. */
  reportEveryMs: 10_000,
  /** The same of what agents count of policies in shadow, which is of use over days. */
  agentReportEveryMs: 30_000,
  /** Series of them in one report: policies of a service, each with a few codes. */
  agentSeriesMax: 64,
  /** What an operator must hear of is reported this long after it was counted, if no request renews the lease before. */
  urgentAfterMs: 500,
  /** A report that nobody took for so long is dropped: what it tells is no longer of the last minutes. */
  reportKeptMs: 60_000,
  /** What the control plane tells is of this time, in slots. */
  windowMs: 300_000,
  slotMs: 30_000,
  /** Series that it tells apart in one slot, of all isolates; later ones of a kind are counted together. */
  windowSeriesMax: 2_048,
  /** Isolates whose last report it remembers, each until no copy of it can arrive any more. */
  isolatesMax: 10_000,
  heardForMs: 120_000,
  /** How often an isolate writes the same line about the same limit. */
  lineEveryMs: 10_000,
} as const;
