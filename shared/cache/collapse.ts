/**
 * Equal misses that run at once: one leads, and stores the answer; the others follow, each with an end of its own, and find it.
 * What turned out not to be stored is remembered for a while, so that nobody waits for it in vain ("hit for miss").
 */

/** How the leading request ended: there is an answer in the store, there will be none of it, or nobody knows. */
export type CollapseOutcome = "stored" | "unstorable" | "failed";

interface Leader {
  readonly token: string;
  /** A leader that says nothing is given up then. */
  readonly untilMs: number;
}

export interface Collapses {
  readonly leaders: Map<string, Leader>;
  /** Key to when its requests may be collapsed again. */
  readonly apart: Map<string, number>;
}

export interface CollapseSettings {
  /** How long one may lead. */
  readonly leaseMs: number;
  readonly apartMs: number;
  readonly keysMax: number;
  /** Longer keys are not collapsed. */
  readonly keyCharsMax: number;
}

/** lead: ask the origin, and say how that ended; follow: wait for who leads; alone: ask the origin, nobody waits. */
export type CollapseVerdict = "lead" | "follow" | "alone";

export const newCollapses = (): Collapses => ({ leaders: new Map(), apart: new Map() });

/** @param token of this request alone; who leads hands it in again */
export function beginCollapse(
  state: Collapses,
  key: string,
  token: string,
  { leaseMs, keysMax, keyCharsMax }: CollapseSettings,
  nowMs: number,
): CollapseVerdict {
  if (key.length > keyCharsMax || isApart(state, key, nowMs)) return "alone";
  if (leaderOf(state, key, nowMs) !== undefined) return "follow";
  if (state.leaders.size >= keysMax) {
    dropEnded(state.leaders, nowMs);
    if (state.leaders.size >= keysMax) return "alone";
  }
  state.leaders.set(key, { token, untilMs: nowMs + leaseMs });
  return "lead";
}

/** Whoever leads a key now; undefined: nobody. */
export function leaderOf(state: Collapses, key: string, nowMs: number): string | undefined {
  const leader = state.leaders.get(key);
  if (leader === undefined || leader.untilMs > nowMs) return leader?.token;
  state.leaders.delete(key);
  return undefined;
}

/** Ends what began as `lead`; of others, and of those who were given up, only the knowledge counts that there is nothing to wait for. */
export function endCollapse(
  state: Collapses,
  key: string,
  token: string,
  outcome: CollapseOutcome,
  { apartMs, keysMax, keyCharsMax }: CollapseSettings,
  nowMs: number,
): void {
  if (state.leaders.get(key)?.token === token) state.leaders.delete(key);
  if (outcome !== "failed") state.apart.delete(key);
  if (outcome !== "unstorable" || key.length > keyCharsMax) return;
  dropEnded(state.apart, nowMs);
  if (state.apart.size >= keysMax) for (const oldest of state.apart.keys()) if (state.apart.delete(oldest)) break;
  state.apart.set(key, nowMs + apartMs);
}

function isApart(state: Collapses, key: string, nowMs: number): boolean {
  const untilMs = state.apart.get(key);
  if (untilMs === undefined || untilMs > nowMs) return untilMs !== undefined;
  state.apart.delete(key);
  return false;
}

/** All of one kind last as long, so they end in the order in which they began. */
function dropEnded(entries: Map<string, Leader | number>, nowMs: number): void {
  for (const [key, entry] of entries) {
    if ((typeof entry === "number" ? entry : entry.untilMs) > nowMs) return;
    entries.delete(key);
  }
}
