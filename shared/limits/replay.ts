/** Bounds of `selvage diff --replay`. */

export const replays = {
  /** Records that one run replays; what is beyond them is counted. A few seconds of work. */
  recordsMax: 20_000,
  /** Bytes of a file of records. */
  fileBytesMax: 512 * 1024 * 1024,
  /** Requests of one group that are shown; `--json` has all. */
  shownMax: 3,
  /** Characters of a value that are shown. */
  valueCharsMax: 80,
  /** How often it is said how far it has come, milliseconds. */
  tellEveryMs: 2_000,
} as const;
