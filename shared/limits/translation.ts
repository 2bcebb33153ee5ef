/** Bounds of translations of bodies (`transform.request.body`, `transform.response.body`). Sizes, levels and values read are those of `reshape`. */

const MiB = 1024 * 1024;

export const translation = {
  /** What a translation writes. XML names every member of a list anew, so a small body can become a large one. */
  writtenCharsMax: 4 * MiB,
  /** Attributes of one XML element, its namespace declarations among them. */
  attributesMax: 256,
  /** A name in XML, with its prefix: compared at each end tag. */
  nameCharsMax: 1_024,
  /** Paths in one list or mapping of a translation. */
  pathsMax: 64,
} as const;
