/** Bounds of traces and of their export. */

const KiB = 1024;

export const telemetry = {
  /** Characters of one attribute, of a span's name and of what a status says; the rest is cut off. */
  textCharsMax: 1024,
  /** Attempts, and stages, of one request that get a span of their own. */
  spansOfRequestMax: 64,
  /** Events of one span. */
  eventsMax: 32,
  /** Spans of one request to the receiver; a buffer of as many leaves at once. */
  itemsMax: 512,
  /** Spans of one request to the receiver; a buffer that is larger leaves at once. Receivers take 4 MiB and more. */
  requestBytesMax: 512 * KiB,
  /** What waits to be sent, in all; what comes on top is dropped and counted. */
  queueBytesMax: 4 * KiB * KiB,
  /** How long spans wait for others in an agent, and in an isolate. */
  flushMs: 500,
  /** For one request to the receiver, unless the document says otherwise. */
  timeoutMs: 10_000,
  timeoutMsMax: 60_000,
  /** Of the receiver's answer; nobody reads more. */
  answerBytesMax: 16 * KiB,
  /** How often one request to the receiver is made, with the first. */
  attemptsMax: 5,
  /** The pause before the second of them, doubled for each that follows. */
  backoffMs: 1_000,
  backoffMsMax: 30_000,
  /** The longest pause that a receiver may ask for. */
  retryAfterMsMax: 300_000,
  /** Traces that a hop of an agent remembers to keep, for its other hops. */
  keptTracesMax: 4_096,
  keptForMs: 60_000,
  /** Resource attributes and header fields of the document. */
  attributesMax: 32,
  /** Traces begun here of which spans are kept, percent, unless the document says otherwise. */
  samplePercent: 1,
  slowMsMax: 600_000,
  /** How often metrics are sent, unless the document says otherwise. */
  metricsEveryMs: 60_000,
  metricsEveryMsMin: 1_000,
  metricsEveryMsMax: 3_600_000,
  /** From when the control plane hears of settings of metrics until it sends them by these. */
  metricsWakeMs: 1_000,
  /** Between two words of a log on the same trouble. */
  remindMs: 60_000,
  /** Requests of which a log record is sent, percent, unless the document says otherwise. */
  logSamplePercent: 1,
  /** `Server-Timing` names stages that were waited for at least as long. */
  timingMsMin: 1,
} as const;
