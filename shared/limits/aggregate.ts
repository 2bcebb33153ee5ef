/** Bounds of composed answers (`aggregate` of a route). */

const MiB = 1024 * 1024;

export const aggregate = {
  /** Parts of one aggregate. */
  partsMax: 20,
  /** Calls at once: workerd keeps six connections waiting for headers. */
  concurrencyMax: 6,
  /** Calls at once of one fan-out where the document does not say: others get a turn, too. */
  concurrency: 4,
  /** Calls of one fan-out where the document does not say, and the most that it may say. */
  fanOut: 20,
  fanOutMax: 200,
  /** Fetches of one request on Cloudflare: of a paid Worker, and of a free one. */
  subrequestsMax: 1_000,
  subrequestsFreeMax: 50,
  /** What the gateway's other stages may need of those: limiters, keys, sessions, the control plane. */
  subrequestsOwn: 20,
  /** Redirects that a part may follow. */
  redirectsMax: 5,
  /** Members and elements inside each other, in an answer of a part and in the body of a request. */
  depthMax: 64,
  /** Answers of all parts of one request together, as texts; each is bounded by `gateway.partBodyBytesMax`. */
  answersCharsMax: 10 * MiB,
  /** What templates make: one body for a part, the composed answer. Values named twice count twice. */
  filledCharsMax: 10 * MiB,
  /** Path with query of a part's call, and all of its header values together. */
  filledTargetCharsMax: 16 * 1024,
  filledHeaderCharsMax: 16 * 1024,
  /** Values that a condition of a part looks at, all levels together. */
  conditionValuesMax: 10_000,
  /** Names in a template's hole or in `pick`. */
  pathNamesMax: 16,
  /** Header fields that an answer takes from its parts. */
  answerFieldsMax: 32,
} as const;
