/** Limits of services that are counted over all instances: what agents ask the control plane, and how long they wait for it. */

export const meshLimits = {
  /** How long a call waits for the count, unless the limit's `timeout` says otherwise, milliseconds. */
  waitMs: 250,
  /** How long a question may be on its way at least: what it brings is good for calls that come later, milliseconds. */
  patienceMs: 1_000,
  /** Questions leave an agent together: at most so often, milliseconds. */
  batchGapMs: 2,
  /** Questions in one message, and what is given back in one. */
  questionsMax: 64,
  /** Keys for which an agent holds tokens; of more, those that were not asked for the longest are forgotten. */
  keysMax: 10_000,
  /** A key as agents tell it; what is longer is hashed. */
  keyCharsMax: 256,
  /** Calls that one question may ask for. */
  callsMax: 10_000,
  /** A hub's wait for the count of a key, milliseconds: as long as any limit's `timeout`. */
  objectCallMs: 10_000,
  /** Characters of an agent's name for what it holds. */
  accountCharsMax: 64,
} as const;
