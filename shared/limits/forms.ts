/** Bounds of forms, urlencoded and multipart, wherever they are read or written. */

const KiB = 1024;

export const forms = {
  /** Fields of a form, and parts of one that is multipart. */
  fieldsMax: 1_000,
  /** Names within one name of a field or parameter: `a[b][c]` has three. */
  nestedNamesMax: 16,
  /** Head of one part. */
  partHeadBytesMax: 4 * KiB,
  /** RFC 2046 section 5.1.1. */
  boundaryCharsMax: 70,
} as const;
