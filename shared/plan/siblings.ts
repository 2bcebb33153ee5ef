/** Routes that match the same requests but for who asks: which of them takes one is decided when that is known. */
import { identityMisfit } from "../auth/identity-match.ts";
import type { Identity } from "../identity/identity.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { RoutePlan } from "./plan.ts";

export interface Siblings {
  /** Routes to be found: of siblings one, which stands for all of them until it is known who asks. */
  readonly leading: readonly RoutePlan[];
  /** That one to all of them, in the order of the document. Absent: no route asks who it is. */
  readonly groups?: ReadonlyMap<RoutePlan, readonly RoutePlan[]>;
}

/** @param routes in the order of the document */
export function siblingsOf(routes: readonly RoutePlan[]): Siblings {
  if (!routes.some(({ match }) => match.identity !== undefined)) return { leading: routes };
  const byMatch = new Map<string, RoutePlan[]>();
  for (const route of routes) {
    const key = canonicalJson({ ...route.match, identity: undefined });
    const others = byMatch.get(key);
    if (others === undefined) byMatch.set(key, [route]);
    else others.push(route);
  }
  const groups = new Map<RoutePlan, readonly RoutePlan[]>();
  const leading: RoutePlan[] = [];
  for (const same of byMatch.values()) {
    if (!same.some(({ match }) => match.identity !== undefined)) leading.push(...same);
    else {
      const leader = leaderOf(same);
      leading.push(leader);
      groups.set(leader, same);
    }
  }
  return { leading, groups };
}

/** What is out of service says nothing of how to find out who asks. */
function leaderOf(same: readonly RoutePlan[]): RoutePlan {
  return same.find(({ quarantine }) => quarantine === undefined) ?? (same[0] as RoutePlan);
}

/** The first that takes requests of this identity. */
export function siblingFor(siblings: readonly RoutePlan[], identity: Identity): RoutePlan | undefined {
  return siblings.find(
    ({ match }) => match.identity === undefined || identityMisfit(match.identity, identity) === undefined,
  );
}
