/** Publications of versions to hubs, which may come late and twice: which of two counts. */

/** A version and when it was made. */
export interface PublicationAge {
  readonly version: number;
  /** Milliseconds since the epoch; grows with the version: `appliedAtMs`. */
  readonly appliedAtMs: number;
}

/**
 * When a version is made, by a clock that may have been set back: later than the one before.
 * @param before undefined: there is none
 * @returns milliseconds since the epoch
 */
export function appliedAtMs(before: number | undefined, nowMs: number): number {
  return before === undefined ? nowMs : Math.max(nowMs, before + 1);
}

/** Whether it is the one that is held, or was made before that. One of a store that counts anew has a later time. */
export function isOldPublication(told: PublicationAge, held: PublicationAge): boolean {
  return told.version <= held.version && told.appliedAtMs <= held.appliedAtMs;
}
