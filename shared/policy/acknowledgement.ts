/** Who serves which version of the plan: the one rule for gateways and agents. */

/** A version as somebody names it; with the hash of its content, where that is told. */
export interface NamedVersion {
  readonly version: number;
  readonly hash?: string | undefined;
}

export interface Refusal extends NamedVersion {
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

/**
 * The version that a host says it holds or refuses, as this store counts: numbers of a store that was wiped start anew, so
 * one that was never made here counts as none, and so does the live one's number with other content.
 */
export function versionHere(told: NamedVersion, live: NamedVersion): number {
  if (told.version > live.version) return 0;
  const isOther = told.hash !== undefined && live.hash !== undefined && told.hash !== live.hash;
  return told.version === live.version && isOther ? 0 : told.version;
}
