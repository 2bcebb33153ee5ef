/** Bounds of live taps: how many, how long they live unread, and what is held of them where. */

export const taps = {
  /** Taps at one time, of all who tap. */
  max: 8,
  /** Of a tap's id, which is the control plane's. */
  idCharsMax: 64,
  /** A tap that is not read for so long is over, milliseconds: what a program leaves behind that was killed. */
  leaseMs: 6_000,
  /** The whole life of a tap, milliseconds. */
  forMsMax: 3_600_000,
  /** Pause between two reads by the CLI, and between two reports of a source, milliseconds. */
  pauseMs: 500,
  /** Sources are told of taps again at most so often while they are read, milliseconds. */
  tellEveryMs: 2_000,
  /** Requests a second that one tap shows at most, and unless told otherwise. */
  perSecondMax: 1_000,
  perSecondDefault: 100,
  /** Requests in one report of a source for one tap; what is more is dropped, and counted. */
  queuedMax: 1_000,
  /** Requests that a source keeps of those that do not match, for traces that another hop asks for. */
  ringMax: 4_096,
  /** Traces whose other hops are wanted, at a source and in the control plane. */
  tracesMax: 1_024,
  /** How long the control plane asks for a trace's other hops, milliseconds. */
  traceMs: 5_000,
  /** Requests that wait in the control plane for the next read. */
  pendingMax: 4_000,
  /** Bytes of one report: requests without bodies. */
  reportBytesMax: 2 * 1024 * 1024,
  /** How long a report may take, milliseconds. */
  callMs: 3_000,
  /** Reports that one request of the gateway sends after its answer; the platform ends what runs on for long. */
  roundsMax: 20,
  /** Rounds without a request after which it ends earlier. */
  idleRoundsMax: 4,
  /** Values in one list of a filter, and characters of one. */
  valuesMax: 32,
  valueCharsMax: 512,
  /** Characters of a path, a query, or of all headers together that are shown. */
  detailCharsMax: 2_048,
  /** Headers that are shown. */
  headersMax: 64,
} as const;
