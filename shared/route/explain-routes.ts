/** Why a request gets the route that it gets: each route is asked on its own, without the table, and says why it lost. */
import { compareRoutes, hostRank, hostWithoutPort, type Matchable } from "./compare-routes.ts";
import type { RouteRequest } from "./match-route.ts";
import type { PathPattern } from "./route-match.ts";
import {
  type Condition,
  conditionsOf,
  type Found,
  fitsCondition,
  foundBy,
  noRegexes,
  type Regexes,
} from "./value-test.ts";

export type RouteVerdict =
  | { readonly kind: "matched" }
  | { readonly kind: "host"; readonly hosts: readonly string[] }
  | { readonly kind: "path"; readonly pattern: string }
  | { readonly kind: "method"; readonly methods: readonly string[] }
  | { readonly kind: "condition"; readonly condition: Condition; readonly found?: Found }
  | { readonly kind: "less_specific" | "later"; readonly than: string };

export interface ExplainedRoute<Route extends Matchable> {
  readonly route: Route;
  readonly verdict: RouteVerdict;
}

/**
 * Every route with its verdict, in the order of the document; at most one is `matched`.
 * @param hosts hosts that are served at all; empty: any
 * @param regexes those of the routes; a route with one that is not there never matches
 */
export function explainRoutes<Route extends Matchable>(
  routes: readonly Route[],
  hosts: readonly string[],
  request: RouteRequest,
  regexes: Regexes = noRegexes,
): ExplainedRoute<Route>[] {
  const host = hostWithoutPort(request.host);
  if (host === undefined || hostRank(hosts, host) === undefined)
    return routes.map((route) => ({ route, verdict: { kind: "host", hosts } }));
  const misfits = routes.map((route) => misfitOf(route, host, request, regexes));
  const fitting = routes.filter((_, at) => misfits[at] === undefined);
  const winner = fitting.reduce<Route | undefined>(
    (best, route) => (best === undefined || compareRoutes(route, best, host) < 0 ? route : best),
    undefined,
  );
  return routes.map((route, at) => ({ route, verdict: misfits[at] ?? lossOf(route, winner, host) }));
}

function misfitOf(
  { match }: Matchable,
  host: string,
  request: RouteRequest,
  regexes: Regexes,
): RouteVerdict | undefined {
  if (hostRank(match.hosts, host) === undefined) return { kind: "host", hosts: match.hosts };
  if (!fits(match.path, request.path, regexes)) return { kind: "path", pattern: match.path.text };
  for (const condition of conditionsOf(match)) {
    const found = foundBy(condition, request);
    if (!fitsCondition(condition, found, regexes))
      return { kind: "condition", condition, ...(found !== undefined && { found }) };
  }
  if (match.methods.length > 0 && !match.methods.includes(request.method))
    return { kind: "method", methods: match.methods };
  return undefined;
}

function fits(pattern: PathPattern, path: string, regexes: Regexes): boolean {
  const segments = path.slice(1).split("/");
  const { length } = pattern.segments;
  if (pattern.tail ? segments.length < length : segments.length !== length) return false;
  const begins = pattern.segments.every((segment, at) => {
    const given = segments[at] ?? "";
    if ("literal" in segment) return segment.literal === given;
    if (given === "") return false;
    return segment.regex === undefined || regexes.get(segment.regex)?.matches(decodeURIComponent(given)) === true;
  });
  return begins && (pattern.regex === undefined || regexes.get(pattern.regex)?.matches(path) === true);
}

function lossOf<Route extends Matchable>(route: Route, winner: Route | undefined, host: string): RouteVerdict {
  if (winner === undefined || route === winner) return { kind: "matched" };
  return { kind: compareRoutes(winner, route, host) < 0 ? "less_specific" : "later", than: winner.name };
}
