/** Why a request gets the route that it gets: each route is asked on its own, without the table, and says why it lost. */
import { compareRoutes, hostRank, hostWithoutPort, type Matchable } from "./compare-routes.ts";
import type { RouteRequest } from "./match-route.ts";
import type { PathPattern } from "./route-match.ts";

export type RouteVerdict =
  | { readonly kind: "matched" }
  | { readonly kind: "host"; readonly hosts: readonly string[] }
  | { readonly kind: "path"; readonly pattern: string }
  | { readonly kind: "method"; readonly methods: readonly string[] }
  | { readonly kind: "header"; readonly name: string; readonly value: string; readonly found?: string }
  | { readonly kind: "less_specific" | "later"; readonly than: string };

export interface ExplainedRoute<Route extends Matchable> {
  readonly route: Route;
  readonly verdict: RouteVerdict;
}

/**
 * Every route with its verdict, in the order of the document; at most one is `matched`.
 * @param hosts hosts that are served at all; empty: any
 */
export function explainRoutes<Route extends Matchable>(
  routes: readonly Route[],
  hosts: readonly string[],
  request: RouteRequest,
): ExplainedRoute<Route>[] {
  const host = hostWithoutPort(request.host);
  if (host === undefined || hostRank(hosts, host) === undefined)
    return routes.map((route) => ({ route, verdict: { kind: "host", hosts } }));
  const misfits = routes.map((route) => misfitOf(route, host, request));
  const fitting = routes.filter((_, at) => misfits[at] === undefined);
  const winner = fitting.reduce<Route | undefined>(
    (best, route) => (best === undefined || compareRoutes(route, best, host) < 0 ? route : best),
    undefined,
  );
  return routes.map((route, at) => ({ route, verdict: misfits[at] ?? lossOf(route, winner, host) }));
}

function misfitOf(route: Matchable, host: string, request: RouteRequest): RouteVerdict | undefined {
  const { match } = route;
  if (hostRank(match.hosts, host) === undefined) return { kind: "host", hosts: match.hosts };
  if (!fits(match.path, request.path)) return { kind: "path", pattern: match.path.text };
  for (const [name, value] of Object.entries(match.headers)) {
    const found = request.header(name) ?? undefined;
    if (found !== value) return { kind: "header", name, value, ...(found !== undefined && { found }) };
  }
  if (match.methods.length > 0 && !match.methods.includes(request.method))
    return { kind: "method", methods: match.methods };
  return undefined;
}

function fits(pattern: PathPattern, path: string): boolean {
  const segments = path.slice(1).split("/");
  const { length } = pattern.segments;
  if (pattern.tail ? segments.length < length : segments.length !== length) return false;
  return pattern.segments.every((segment, at) =>
    "literal" in segment ? segment.literal === segments[at] : segments[at] !== "",
  );
}

function lossOf<Route extends Matchable>(route: Route, winner: Route | undefined, host: string): RouteVerdict {
  if (winner === undefined || route === winner) return { kind: "matched" };
  return { kind: compareRoutes(winner, route, host) < 0 ? "less_specific" : "later", than: winner.name };
}
