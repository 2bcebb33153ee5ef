/** Which two versions an agent holds: the live one, and a canary or what was live before. What is not named here changes nothing. */

/** Numbers; 0: none. */
export interface HeldVersions {
  readonly live: number;
  readonly second: number;
}

/** Whether the plan of before is kept for requests under way when a live plan comes: its canary was promoted. */
export function keepsFormer(told: number, { live, second }: HeldVersions): boolean {
  return second === told && live !== 0;
}

/**
 * What becomes of the second one when the control plane tells of a canary.
 * @param told its version; 0: there is none
 * @returns `release`: it ends with the requests that are under way
 */
export function secondAfter(told: number, { live }: HeldVersions): "hold" | "release" | "stay" {
  if (told === 0) return "release";
  return told === live ? "stay" : "hold";
}
