/**
 * Which zone's instances get a request. The caller's own zone comes first, then those that the document names for it, then all others.
 * A level keeps its requests while enough of its instances are healthy; below that it keeps a part in proportion, and the rest goes to the
 * next one (Envoy's priority levels, https://www.envoyproxy.io, load balancing priority).
 */
import type { ZoneSettings } from "./settings.ts";

/** Label of an instance that names its zone; the caller's own is what its agent was started with. */
export const ZONE_LABEL = "zone";

/** @returns 0: the caller's own, 1 and on: in the document's order, then all others alike */
export function zoneLevel(own: string, zone: string | undefined, { failover }: ZoneSettings): number {
  if (zone === own) return 0;
  const order = Object.hasOwn(failover, own) ? (failover[own] ?? []) : [];
  const at = zone === undefined ? -1 : order.indexOf(zone);
  return 1 + (at < 0 ? order.length : at);
}

/** Of one choice; its arrays are by level, made once and counted anew for each request. */
export interface LevelState {
  readonly endpoints: number[];
  readonly healthy: number[];
  /** The level that was chosen; -1: none has a healthy instance. */
  level: number;
  /** What choosing has left of the random number, as random as that was: at least 0, below 1. */
  random: number;
}

export function newLevels(levels: readonly number[]): LevelState {
  const count = Math.max(0, ...levels) + 1;
  const endpoints: number[] = Array(count).fill(0);
  for (const level of levels) endpoints[level] = (endpoints[level] as number) + 1;
  return { endpoints, healthy: Array(count).fill(0), level: 0, random: 0 };
}

/**
 * Chooses a level by the instances that are healthy now; fills in `level` and `random`.
 * @param random at least 0, below 1
 */
export function chooseLevel(
  state: LevelState,
  { sufficientPercent }: Pick<ZoneSettings, "sufficientPercent">,
  random: number,
): void {
  const { endpoints } = state;
  let all = 0;
  for (let level = 0; level < endpoints.length; level++) all += capacity(state, level, sufficientPercent);
  state.level = -1;
  state.random = random;
  let left = Math.min(1, all);
  let offset = random * left;
  for (let level = 0; level < endpoints.length; level++) {
    const part = Math.min(left, capacity(state, level, sufficientPercent));
    if (part === 0) continue;
    state.level = level;
    state.random = Math.min(offset / part, 1 - Number.EPSILON);
    if (offset < part) return;
    offset -= part;
    left -= part;
  }
}

/** Part of all requests that a level can take, from 0 to 1. */
function capacity({ endpoints, healthy }: LevelState, level: number, sufficientPercent: number): number {
  const count = endpoints[level] as number;
  if (count === 0) return 0;
  return Math.min(1, ((healthy[level] as number) * 100) / (count * sufficientPercent));
}
