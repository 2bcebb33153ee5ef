/** Who serves which version of the plan: the one rule for gateways and agents. */

export interface Refusal {
  readonly version: number;
  readonly reason: string;
}

export interface Acknowledgement {
  readonly state: "current" | "behind" | "refused";
  /** Why the live version was refused. */
  readonly reason?: string;
}

/**
 * Where a host stands.
 * @param live version that should be served; 0: nothing was applied yet
 * @param held version that it serves
 * @param refused the last version that it would not take
 */
export function acknowledgementOf(live: number, held: number, refused?: Refusal): Acknowledgement {
  if (held === live) return { state: "current" };
  if (refused?.version === live) return { state: "refused", reason: refused.reason };
  return { state: "behind" };
}
