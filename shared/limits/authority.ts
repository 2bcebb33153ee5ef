/** Bounds of the certificate authority: its rotations, what it takes from outside, whom it refuses. */

const KiB = 1024;
const DAY_MS = 86_400_000;

export const authority = {
  /** How often it looks who has not acknowledged a step, at first and at last. */
  lookEveryMs: 200,
  lookEveryMaxMs: 30_000,
  /** Agents that have to renew at once spread it over so long: this for each of them, with bounds. */
  renewEachMs: 20,
  renewWithinMinMs: 1_000,
  renewWithinMaxMs: 10 * 60_000,
  /** An agent that got a certificate of another issuer than was wanted asks again within this. */
  renewAgainMs: 10_000,
  /** Agents and certificates that the status names while it waits for them. */
  namedMax: 20,
  /** A certificate request of an agent; that of its own key has about 200 bytes. */
  csrBytesMax: 2 * KiB,
  /** How deep DER from outside may be nested. */
  derDepthMax: 16,
  /** Certificates of one instance that are valid at once. One that reaches this can renew again before its newest ends. */
  leavesOfInstanceMax: 256,
  /** Certificates of an issuer that was signed outside, with its root. */
  chainMax: 5,
  /** An issuer from outside that ends sooner is not taken: leaves could not live their life. */
  externalLeastMs: 2 * DAY_MS,
  /** An issuer from outside, and a root, of which so little is left is an alarm. */
  issuerAlarmMs: 30 * DAY_MS,
  rootAlarmMs: 365 * DAY_MS,
  /** Former roots that vouch for those after them: for join tokens, and agents that were away, from before a rotation. */
  lineageMax: 8,
  /** Denied services, instances and certificates at once, and serial numbers that follow from them. */
  deniedMax: 500,
  deniedSerialsMax: 10_000,
  /** Refusals of the issuance log that are kept. */
  refusalsKept: 1_000,
  /** Of those without good credentials so many a minute are kept. */
  strangersKeptPerMinute: 60,
  /** Entries that the issuance log shows. */
  logShown: 1_000,
} as const;
