/** Which routes belong to a protected resource, whose identifier is a host and a path. */
import { hostRank, hostWithoutPort } from "./compare-routes.ts";
import { normalisePath } from "./normalise-path.ts";
import type { PathPattern } from "./route-match.ts";

export interface ResourcePlace {
  /** Lower case, without port. */
  readonly host: string;
  /** Normalised; empty: every path of the host. */
  readonly path: string;
}

/** Host and path of an identifier as requests are compared with them. @throws TypeError when it is no URL */
export function resourcePlace(identifier: string): ResourcePlace {
  const { host, pathname } = new URL(identifier);
  const path = normalisePath(pathname).path ?? pathname;
  return { host: hostWithoutPort(host) ?? host, path: path === "/" ? "" : path };
}

/** Whether requests of a route can be of a resource, and are not all of another one below it. */
export function isRouteOf(
  pattern: PathPattern,
  hosts: readonly string[],
  place: ResourcePlace,
  places: readonly ResourcePlace[],
): boolean {
  if (hostRank(hosts, place.host) === undefined || !canBeBelow(pattern, place.path)) return false;
  const nearer = places.filter(
    ({ host, path }) => host === place.host && path.length > place.path.length && path.startsWith(place.path),
  );
  return !nearer.some(({ path }) => isAllBelow(pattern, path));
}

const segmentsOf = (path: string): string[] => (path === "" ? [] : path.slice(1).replace(/\/$/, "").split("/"));

function canBeBelow({ segments, tail }: PathPattern, path: string): boolean {
  const wanted = segmentsOf(path);
  if (segments.length < wanted.length && !tail) return false;
  return wanted.every((literal, at) => {
    const segment = segments[at];
    return segment === undefined || "param" in segment || segment.literal === literal;
  });
}

function isAllBelow({ segments }: PathPattern, path: string): boolean {
  return segmentsOf(path).every((literal, at) => {
    const segment = segments[at];
    return segment !== undefined && "literal" in segment && segment.literal === literal;
  });
}
