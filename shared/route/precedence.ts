/** Routes in the order in which they are tried, for people. */
import { compareRoutes, hostRank, hostWithoutPort, type Matchable } from "./compare-routes.ts";

export interface Placed<Route> {
  readonly route: Route;
  /** Its place in the document. */
  readonly index: number;
}

/**
 * For one host: those that take it, first the one that would win. For none: by the nearest host that each names, since what comes first
 * of two routes depends on the host that is asked for.
 * @param host as a client names it; undefined: all routes
 */
export function byPrecedence<Route extends Matchable>(
  routes: readonly Route[],
  host: string | undefined,
): Placed<Route>[] {
  const placed = routes.map((route, index) => ({ route, index }));
  const name = host === undefined ? undefined : hostWithoutPort(host);
  if (name === undefined) return placed.sort((a, b) => nearness(a.route) - nearness(b.route) || compare(a, b, ""));
  return placed
    .filter(({ route }) => hostRank(route.match.hosts, name) !== undefined)
    .sort((a, b) => compare(a, b, name));
}

function compare(a: Placed<Matchable>, b: Placed<Matchable>, host: string): number {
  if (host !== "") return compareRoutes(a.route, b.route, host) || a.index - b.index;
  return compareRoutes(anyHost(a.route), anyHost(b.route), "any") || a.index - b.index;
}

const anyHost = ({ name, match }: Matchable): Matchable => ({ name, match: { ...match, hosts: [] } });

/** 0: a host by name; then wildcards, those with more labels first; last every host. */
function nearness({ match: { hosts } }: Matchable): number {
  if (hosts.length === 0) return FARTHEST;
  return Math.min(...hosts.map((host) => (host.startsWith("*") ? FARTHEST - host.split(".").length : 0)));
}

/** More than labels of any host. */
const FARTHEST = 256;
