/** Bounds of what is known of the whole fleet: how long it goes on without the control plane. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const fleet = {
  /** An agent that could go on for less than this without the control plane is an alarm, unless the document says otherwise. */
  outageMs: 12 * HOUR,
  /** The shortest and longest that `mesh.outageBudget` may be. */
  outageMsMin: 1_000,
  outageMsMax: 7 * 24 * HOUR,
  /** Of a certificate's life, an agent that waits for its renewal has at least this share left. */
  outageShare: 2 / 3,
  /** Agents that are told to renew do so spread over this time, unless asked otherwise, and at most. */
  renewWithinMs: 30_000,
  renewWithinMsMax: HOUR,
} as const;
