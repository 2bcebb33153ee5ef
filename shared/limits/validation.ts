/** Bounds of validation by contract at the edge, `shared/contract`. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const validation = {
  /** A body or answer that is read to be validated, after decoding. It is held as bytes, as text and as values at once: about twenty times that. */
  bodyBytesMax: 1 * MiB,
  /** Bodies that an isolate reads for policies in shadow at once; others pass and are counted as skipped. */
  shadowsMax: 16,
  /** Places of drift that an isolate counts apart; others are counted together. */
  isolatePlacesMax: 200,
  /** Of one side of an operation: schemas that contain themselves have places without end, and the others keep theirs. */
  operationPlacesMax: 40,
  /** Places of drift that the control plane remembers; those that came last. */
  placesMax: 10_000,
  /** For so long after the last request that was found there. */
  placesKeptMs: 90 * 86_400_000,
} as const;
