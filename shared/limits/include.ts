/** Files that a document includes. */
export const include = {
  /** Patterns in `include`, and files that they find together. */
  patternsMax: 32,
  filesMax: 256,
  /** Members of each list of an owner's grants. */
  grantsMax: 64,
  /** Times that a document is checked again after broken routes were taken out: what is left can be broken by that. */
  quarantineRoundsMax: 4,
} as const;
