/**
 * How a canary is handed out: what gateways and hubs are told of it, who lacks it, and which news of it count. When it begins and
 * ends is `version-canary.ts`.
 */
import { limits } from "../limits.ts";
import type { CanaryChoice } from "./canary-choice.ts";
import type { HeldCanary, Lease } from "./lease.ts";
import { type CanarySettings, type CanaryState, isOpen, shareNow } from "./version-canary.ts";

/** Plain and serialisable: as the config store keeps it. */
export interface CanaryRollout {
  readonly version: number;
  /** The version that has the other requests. */
  readonly stable: number;
  /** Of the gateway's face. */
  readonly hash: string;
  readonly settings: CanarySettings & Pick<CanaryChoice, "by" | "match">;
  readonly startedAtMs: number;
  readonly state: CanaryState;
  /** All hubs know of its beginning, of its end. */
  told: "nothing" | "begun" | "ended";
}

/** What an isolate is told of it, beside the version's face. */
export interface CanaryTerms extends CanaryChoice {
  readonly hash: string;
}

/** What all hubs have to know. */
export const newsOf = ({ state }: Pick<CanaryRollout, "state">): "begun" | "ended" =>
  isOpen(state) ? "begun" : "ended";

/**
 * What an isolate is told of a canary that has not ended.
 * @param held that it says it holds
 * @returns with `needsFace` when it does not have the version's face
 */
export function canaryTerms(
  { version, hash, state, settings }: CanaryRollout,
  held: Pick<HeldCanary, "version" | "hash"> | undefined,
): { readonly terms: CanaryTerms; readonly needsFace: boolean } {
  const { by, match } = settings;
  // Nobody gets it before everybody has it, whatever he asks for.
  const asks = state.phase === "preparing" ? {} : { ...(match && { match }) };
  const terms = { version, hash, share: shareNow(state), by, ...asks };
  return { terms, needsFace: held?.version !== version || held.hash !== hash };
}

/** Which of the two versions a series of counters is about, by its label. */
export function sideOf(
  { version, stable }: Pick<CanaryRollout, "version" | "stable">,
  label: string | undefined,
): "canary" | "stable" | undefined {
  if (label === String(version)) return "canary";
  return label === String(stable) ? "stable" : undefined;
}

/** Isolates that cannot decide by it. @returns with one that refuses it, if any does */
export function gatewaysWithout(
  { version, hash }: Pick<CanaryRollout, "version" | "hash">,
  leases: readonly Lease[],
): { readonly without: readonly Lease[]; readonly refusing: Lease | undefined } {
  const without = leases.filter(({ canary }) => canary?.version !== version || canary.hash !== hash || canary.refused);
  const refusing = without.find(({ canary }) => canary?.version === version && canary.hash === hash);
  return { without, refusing };
}

/** How many do not give it all requests. Those that refuse it will refuse it as the live version, too: nobody waits for them. */
export function withoutAllRequests({ version }: Pick<CanaryRollout, "version">, leases: readonly Lease[]): number {
  return leases.filter(({ canary }) => {
    if (canary?.version !== version) return true;
    return canary.share !== limits.canary.sharesMax && canary.refused === undefined;
  }).length;
}

/** When it is to be looked at again, milliseconds since the epoch; undefined: there is no need to. */
export function canaryDueAt(
  { state, settings: { everyMs } }: Pick<CanaryRollout, "state" | "settings">,
  nowMs: number,
): number | undefined {
  if (state.phase !== "running") return nowMs + limits.canary.lookEveryMs;
  if (everyMs === undefined || state.step < 0) return undefined;
  return Math.max(nowMs + limits.canary.everyMsMin, state.stepAtMs + everyMs);
}

/** News of a canary: that it has begun, or is over. */
export interface CanaryNews {
  /** 0: none was ever told. */
  readonly version: number;
  readonly startedAtMs: number;
  readonly isOver: boolean;
}

/** Whether it is what is held, or came before that. A config store that was set back counts anew, later. */
export function isOldCanary(told: CanaryNews, held: CanaryNews): boolean {
  if (told.version === held.version && told.startedAtMs === held.startedAtMs) return held.isOver || !told.isOver;
  return told.version <= held.version && told.startedAtMs <= held.startedAtMs;
}

/** Which services those of each service may call, by the live plan or by a canary. */
export function callableByEither(
  stable: ReadonlyMap<string, readonly string[]>,
  canary: Iterable<readonly [service: string, names: readonly string[]]>,
): Map<string, readonly string[]> {
  const both = new Map(stable);
  for (const [service, more] of canary) both.set(service, [...new Set([...(stable.get(service) ?? []), ...more])]);
  return both;
}
