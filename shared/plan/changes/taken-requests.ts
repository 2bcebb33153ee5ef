/** Routes of owners that take requests which routes of others get within what the owner is granted. */
import { coversPattern } from "../../config/check-owners.ts";
import { type DocumentProblem, error } from "../../config/problem.ts";
import type { Document, RouteConfig } from "../../config/schema.ts";
import { compareRoutes, type Matchable, wildcardsOf } from "../../route/compare-routes.ts";
import { parsePath } from "../../route/parse-path.ts";
import type { PathPattern } from "../../route/route-match.ts";
import { compileMatch } from "../compile-match.ts";
import { compileHosts } from "../sorted.ts";
import { sameJson } from "./find-changes.ts";

interface Placed extends Matchable {
  readonly at: number;
  readonly owner: string | undefined;
}

/**
 * A route of others that lies in what an owner is granted was put there by whoever may: it keeps its requests. One that is wider
 * gives way, since what is granted is the owner's.
 */
export function refuseTaken(live: Document, next: Document, owners: ReadonlySet<string>): DocumentProblem[] {
  const before = new Map(placed(live).map((route) => [route.name, route]));
  const routes = placed(next);
  const isOwn = ({ owner }: Placed): boolean => owner !== undefined && owners.has(owner);
  const others = routes.filter((route) => !isOwn(route));
  return routes.flatMap((route) => {
    const was = before.get(route.name);
    if (!isOwn(route) || (was !== undefined && sameJson(was.match, route.match) && was.at === route.at)) return [];
    const grant = live.owners?.[String(route.owner)];
    const taken = others.find(
      (other) => takes(route, other) && liesInside(other, grant) && !tookBefore(was, before.get(other.name)),
    );
    if (taken === undefined) return [];
    const message = `route ${route.name} would take requests of the route ${taken.name}, which is not the owner's`;
    return [
      error("SLV3236", ["gateway", "routes", route.at, "match"], message, {
        other: ["gateway", "routes", taken.at, "match"],
      }),
    ];
  });
}

const tookBefore = (was: Placed | undefined, other: Placed | undefined): boolean =>
  was !== undefined && other !== undefined && takes(was, other);

function placed({ gateway }: Document): Placed[] {
  return (gateway?.routes ?? []).map(({ name, owner, match }: RouteConfig, at) => {
    return { name, at, owner, match: compileMatch(name, match) };
  });
}

/** Whether all that a route matches is granted. */
function liesInside({ match }: Placed, grant: NonNullable<Document["owners"]>[string] | undefined): boolean {
  const { paths, hosts } = grant ?? {};
  const granted = paths?.flatMap((text) => parsePath(text).pattern ?? []);
  if (granted !== undefined && !granted.some((one) => coversPattern(one, match.path))) return false;
  const own = new Set(compileHosts(hosts));
  return hosts === undefined || (match.hosts.length > 0 && match.hosts.every((host) => own.has(host)));
}

/** Whether some request that both match goes to the first of them; rather once too often. */
function takes(route: Placed, other: Placed): boolean {
  const [a, b] = [route.match, other.match];
  const methods =
    a.methods.length === 0 || b.methods.length === 0 || a.methods.some((method) => b.methods.includes(method));
  return (
    methods && pathsMeet(a.path, b.path) && sharedHosts(a.hosts, b.hosts).some((host) => comesFirst(route, other, host))
  );
}

function comesFirst(route: Placed, other: Placed, host: string): boolean {
  const order = compareRoutes(route, other, host);
  if (order !== 0) return order < 0;
  const [asks, otherAsks] = [route, other].map(({ match }) => match.identity !== undefined);
  return asks === otherAsks ? route.at < other.at : asks === true;
}

/** Hosts that stand for all that both lists have. */
function sharedHosts(a: readonly string[], b: readonly string[]): string[] {
  const names = [...a, ...b].map((host) => host.replace(/^\*/, "any"));
  const has = (hosts: readonly string[], host: string): boolean =>
    hosts.length === 0 || hosts.includes(host) || wildcardsOf(host).some((wildcard) => hosts.includes(wildcard));
  return (names.length === 0 ? ["any.example"] : names).filter((host) => has(a, host) && has(b, host));
}

/** Expressions are taken to match everything behind what they begin with. */
function pathsMeet(a: PathPattern, b: PathPattern): boolean {
  const [shorter, longer] = a.segments.length <= b.segments.length ? [a, b] : [b, a];
  const same = shorter.segments.every((segment, at) => {
    const other = longer.segments[at];
    return other === undefined || !("literal" in segment && "literal" in other) || segment.literal === other.literal;
  });
  return same && (shorter.tail || shorter.segments.length === longer.segments.length);
}
