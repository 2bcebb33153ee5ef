/** Bounds of logins by browsers and of their sessions. */

const KiB = 1024;

export const login = {
  /** Objects that sessions are spread over by their subject. Fixed: another number would look elsewhere. */
  shards: 16,
  /** A session without a request ends after this, unless the document says otherwise, and its range. */
  idleMs: 30 * 60_000,
  /** A session ends after this whatever is done with it. */
  absoluteMs: 12 * 3_600_000,
  sessionMsMin: 1_000,
  sessionMsMax: 90 * 86_400_000,
  /** The cookie of a session in use is renewed once in this part of the idle time. */
  renewalsInIdle: 10,
  /** Name, value and attributes of one cookie: every browser takes as much (RFC 6265 section 6.1). */
  cookieBytesMax: 4 * KiB,
  /** From the redirect to the provider until the browser must be back. */
  pendingMs: 10 * 60_000,
  /** Logins that one browser may have begun at once, each with a cookie; of more the oldest are given up. */
  pendingMax: 5,
  /** Their cookies together, names and all: with a session it stays below the 8 KiB that many servers take of one field. */
  pendingBytesMax: 4 * KiB,
  /** Who logged in less than this ago and is refused is not sent to the login again. */
  againMs: 10_000,
  /** Where a browser goes after a login: path and query. */
  returnCharsMax: 1_024,
  /** What is remembered of sessions of a shard is believed this long after the shard confirmed it. */
  staleMs: 3_000,
  /** From this age on a request has it confirmed again in the background. */
  confirmAfterMs: 1_000,
  /** A confirmation that failed is tried again after this. */
  confirmRetryMs: 250,
  /** Wait for a shard before a session counts as not checkable. */
  shardWaitMs: 1_000,
  /** Live sessions, ended ones, and opened cookies, that an isolate remembers, each; and the text of those cookies. */
  rememberedMax: 10_000,
  rememberedCookieBytesMax: 8 * KiB * KiB,
  /** Ends of sessions that a shard remembers; who missed more forgets what it knew of the shard. */
  changesKept: 1_000,
  /** Sessions that one subject has at once; a further login ends the oldest. */
  sessionsPerSubjectMax: 100,
  /** Sessions and logout tokens that are over and are cleared away by one login. */
  clearedMax: 100,
  /** ID token that is kept for the logout at the provider; a longer one is not. */
  hintBytesMax: 8 * KiB,
  /** One call to the provider, and its answer. */
  providerWaitMs: 5_000,
  providerBytesMax: 256 * KiB,
  /** Content of a call from the provider. */
  logoutBodyBytesMax: 32 * KiB,
  /** A logout token is taken this long after it was issued. */
  logoutTokenAgeMs: 5 * 60_000,
  /** Key material that cookies are encrypted under. */
  secretBytesMin: 32,
} as const;
