/** Bounds of edits of requests and answers (`transform`), direct answers and error pages. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const reshape = {
  /** One value that a template or expression gives. A longer one refuses the request, and is left out of an answer. */
  valueCharsMax: 4 * KiB,
  /** Names in one list or mapping of edits. */
  editsMax: 64,
  /** Alternatives of `transform.response`, and error pages of one place. */
  alternativesMax: 32,
  /** A body that is read to be edited, after decoding. It is held as bytes, as text and as values at once: about twenty times that. */
  bodyBytesMax: 1 * MiB,
  /** One line of a stream of JSON values that are edited one by one. */
  lineBytesMax: 256 * KiB,
  /** A body that is longer is edited while it passes, where its edits can be; a shorter one is held and edited whole. */
  streamedFromBytes: 64 * KiB,
  /** Edited output that waits to be taken before more of the body is read. */
  streamedOutputBytes: 64 * KiB,
  /** Names of the mappings that are open at once in a body that is edited while it passes. */
  streamedNamesBytesMax: 1 * MiB,
  /** What is held back of such a body until it is known which of two members has a name: that between them. */
  streamedHoldBytesMax: 1 * MiB,
  /** Bytes that `set` may put into such a body for each one that came, beside `bodyBytesMax`. */
  streamedGrowthMax: 64,
  /** Kinds of places that the edits of such a body tell apart. */
  streamedNodesMax: 1_000,
  /** How deep a body may be nested. */
  depthMax: 64,
  /** Values of a body, of all levels. */
  nodesMax: 100_000,
  /** Places that one JSONPath may find in a body. */
  foundMax: 10_000,
  /** Members that a pointer creates on its way, and the longest index that it may name in a list. */
  pointerSegmentsMax: 32,
  /** A body that the document itself holds: of a direct answer or an error page, as text. */
  ownBodyCharsMax: 64 * KiB,
  /** Times that a request may have passed this kind of gateway: one more is a loop. */
  viaHopsMax: 8,
} as const;
