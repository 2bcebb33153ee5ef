/** Bounds of what other trust domains say of themselves, and of what is said to them. */

const KiB = 1024;
const MINUTE_MS = 60_000;

export const federation = {
  /** Trust domains that a document names. */
  partnersMax: 16,
  /** A bundle of another trust domain, and the roots that it may hold: all agents get them. */
  bundleBytesMax: 64 * KiB,
  rootsMax: 16,
  /** For a bundle with all redirections on the way to it. */
  fetchTimeoutMs: 10_000,
  redirectsMax: 3,
  /** How often a bundle is fetched: what the document may say, what a bundle's own hint counts within, what holds without both. */
  refreshMinMs: 1_000,
  refreshMaxMs: 24 * 60 * MINUTE_MS,
  hintMinMs: 10_000,
  refreshDefaultMs: 5 * MINUTE_MS,
  /** How often others are to fetch the own bundle: `spiffe_refresh_hint`. */
  ownRefreshMs: 5 * MINUTE_MS,
  /** A template of an outside issuer's SPIFFE IDs. */
  idCharsMax: 512,
  /** Of a reason that is shown. */
  reasonCharsMax: 300,
} as const;
