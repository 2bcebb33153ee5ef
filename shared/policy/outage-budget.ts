/**
 * How long an agent goes on should the control plane be away from now on. Plan, endpoints and trust bundle are kept for as long as
 * it takes, so their age is only shown; what ends by itself are certificates and the token that renews them.
 */
import { limits } from "../limits.ts";

/** What ends first; `outside`: a certificate that the control plane has no part in. Newer agents may name more. */
export type OutageLimit = "certificate" | "trust" | "token" | "outside";

/** When the credentials in use end, milliseconds since the epoch. */
export interface CredentialEnds {
  /** The first of the certificates that the agent shows. */
  readonly certificateMs: number;
  /** The root that they lead to. */
  readonly trustMs: number;
  /** The token that it renews by; absent: not known, or it can prove itself without. */
  readonly tokenMs?: number | undefined;
}

/** `by`: an `OutageLimit`, or what a newer agent says. */
export interface GoodUntil {
  readonly atMs: number;
  readonly by: string;
}

/** Until when everything stays good without the control plane, and what ends first. */
export function goodUntil({ certificateMs, trustMs, tokenMs }: CredentialEnds): GoodUntil {
  const ends: { readonly atMs: number; readonly by: OutageLimit }[] = [
    { atMs: certificateMs, by: "certificate" },
    { atMs: trustMs, by: "trust" },
    { atMs: tokenMs ?? Number.POSITIVE_INFINITY, by: "token" },
  ];
  return ends.reduce((first, one) => (one.atMs < first.atMs ? one : first));
}

export const outageBudgetMs = ({ atMs }: GoodUntil, nowMs: number): number => Math.max(0, atMs - nowMs);

/** What an agent knows of the time since when a part of its view may have become old. Milliseconds since the epoch. */
export interface ViewTimes {
  readonly connected: boolean;
  /** End of the last connection of this run; undefined: there was none. */
  readonly lostMs: number | undefined;
  /** When the part was told, in this run or an earlier one; undefined: never. */
  readonly toldMs: number | undefined;
}

/** For how long nobody has said that a part of the view still holds: nothing while connected. @returns undefined: it is not there */
export function viewAgeMs({ connected, lostMs, toldMs }: ViewTimes, nowMs: number): number | undefined {
  if (toldMs === undefined) return undefined;
  return connected ? 0 : Math.max(0, nowMs - Math.max(toldMs, lostMs ?? 0));
}

/**
 * The budget below which an agent is an alarm.
 * @param set by the document; absent: as usual, and of short lives the half
 */
export function outageBoundMs(set: number | undefined, certificateLifeMs: number): number {
  return set ?? Math.min(limits.fleet.outageMs, certificateLifeMs / 2);
}

/** Of an agent that is connected. */
export interface AgentBudget {
  readonly service: string;
  readonly instance: string;
  readonly until: GoodUntil;
}

/** The one that goes on for the shortest time. */
export interface FleetBudget extends AgentBudget {
  readonly budgetMs: number;
  /** Below this it is an alarm. */
  readonly boundMs: number;
  /** Agents below the bound. */
  readonly below: number;
}

/** @returns undefined where there is no agent that depends on the control plane */
export function fleetBudget(agents: readonly AgentBudget[], nowMs: number, boundMs: number): FleetBudget | undefined {
  let least: AgentBudget | undefined;
  let below = 0;
  for (const one of agents) {
    if (one.until.by === ("outside" satisfies OutageLimit)) continue;
    if (least === undefined || one.until.atMs < least.until.atMs) least = one;
    if (outageBudgetMs(one.until, nowMs) < boundMs) below++;
  }
  return least && { ...least, budgetMs: outageBudgetMs(least.until, nowMs), boundMs, below };
}
