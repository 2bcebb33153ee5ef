/** Bounds of records of past requests: what sources send of them, and what the control plane keeps. */
const KiB = 1024;
const HOUR_MS = 3_600_000;

export const records = {
  /** Drawn requests of one route that the control plane keeps, unless the document says otherwise, and at most. */
  perRoute: 200,
  perRouteMax: 1_000,
  /** How long a record is kept, milliseconds, unless the document says otherwise, and at most. */
  keepMs: 24 * HOUR_MS,
  keepMsMin: 60_000,
  keepMsMax: 7 * 24 * HOUR_MS,
  /** Names in each list of `hide`, and characters of one. */
  hiddenMax: 64,
  hiddenCharsMax: 128,
  /** Drawn requests of one route in one report of an isolate: so many are looked at more closely, however many come. */
  drawnOfReport: 32,
  /** The same, once the control plane has enough of them. */
  drawnOfReportMin: 2,
  /** Failed ones of one route, and of no route, in one report. */
  failedOfReport: 8,
  /** Requests of one report, of all routes. */
  ofReportMax: 256,
  /** Hops of one report of an agent. */
  hopsOfReport: 64,
  /** How long what failed, or was asked for, waits for others before it is reported, milliseconds. */
  soonMs: 1_000,
  /** The same for what was drawn alone. */
  drawnWaitMs: 10_000,
  /** The shortest time between two reports of one source. */
  pauseMs: 5_000,
  /** The same, once the control plane has not taken one. */
  retryMs: 30_000,
  /** How long a report may take. */
  callMs: 3_000,
  /** Bytes of one report: requests without bodies. */
  reportBytesMax: 2 * KiB * KiB,
  /** Bytes of one record, and of one hop, as JSON; what is longer is not kept. */
  recordBytesMax: 16 * KiB,
  hopBytesMax: 8 * KiB,
  /** Of a route's name, and of a time, in a report or question. */
  routeCharsMax: 256,
  timeCharsMax: 32,
  /** How long a token lives by which an operator has requests explained, and its characters at most. */
  explainTokenMs: 900_000,
  explainTokenCharsMax: 1_024,
  /** How far the clocks of control plane and gateway may be apart for it, milliseconds. */
  explainSkewMs: 30_000,
  /** Characters of what an answer says of it: fields of an answer together have 8 to 16 KiB with most. */
  explainedCharsMax: 4_096,
  /** Headers of a record; characters of all of them, and of one value. */
  headersMax: 64,
  headerCharsMax: 4_096,
  valueCharsMax: 512,
  /** Characters of the query, and of all claims as JSON. */
  queryCharsMax: 2_048,
  claimsCharsMax: 2_048,
  /** Names of scopes, and of groups. */
  namesMax: 64,
  /** Decisions of a record, and characters of what one says. */
  decisionsMax: 64,
  decisionCharsMax: 512,
  /** Drawn records of all routes; the oldest leave. */
  drawnMax: 8_000,
  /** Failed ones of one route, and of all. */
  failedOfRouteMax: 300,
  failedMax: 2_000,
  /** Those that were asked for, and hops of agents. */
  askedMax: 500,
  hopsMax: 4_000,
  /** Hops of one trace. */
  hopsOfTraceMax: 64,
  /** Characters of JSON of all that is kept. */
  charsMax: 32 * KiB * KiB,
  /** Failed requests of one route, and hops whose trace has no record, that are taken on average a minute: rows that are written cost. */
  failedPerMinute: 30,
  hopsPerMinute: 120,
  /** Of drawn records that are as old as this share of `keepMs`, half as many are kept as of new ones. */
  halfLifeShare: 0.25,
  /** A source whose clock is this wrong is not believed, milliseconds. */
  skewMsMax: 60_000,
  /** How often what is over is taken away, milliseconds. */
  sweepMs: HOUR_MS,
  /** Records of one answer of the API, unless told otherwise, and at most. */
  answer: 200,
  answerMax: 1_000,
} as const;
