/** Which of two routes that could both take a request comes first. One total order, the same for the table and for people. */
import type { PathPattern, RouteMatch } from "./route-match.ts";

/** What matching needs of a route; plans carry more. */
export interface Matchable {
  readonly name: string;
  readonly match: RouteMatch;
}

/** How near a host list is to a host: named exactly, by a wildcard, not at all; undefined when it does not serve it. */
export function hostRank(hosts: readonly string[], host: string): 0 | 1 | 2 | undefined {
  if (hosts.length === 0) return 2;
  if (hosts.includes(host)) return 0;
  const wildcard = wildcardOf(host);
  return wildcard !== undefined && hosts.includes(wildcard) ? 1 : undefined;
}

/** The wildcard that a host falls under: its first label stands for one label. */
export function wildcardOf(host: string): string | undefined {
  const dot = host.indexOf(".");
  return dot > 0 ? `*${host.slice(dot)}` : undefined;
}

/** A host without port and without the brackets of an IPv6 address, in lower case; undefined when it is no host. */
export function hostWithoutPort(value: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\](?::\d*)?|([^:[\]]+)(?::\d*)?|([0-9A-Fa-f:.]+))$/.exec(value);
  const host = (match?.[1] ?? match?.[2] ?? match?.[3])?.toLowerCase();
  return host?.endsWith(".") ? host.slice(0, -1) : host;
}

/** Segment by segment from the left: literal before parameter before tail; negative when `a` comes first. */
export function comparePaths(a: PathPattern, b: PathPattern): number {
  const longest = Math.max(a.segments.length, b.segments.length);
  for (let at = 0; at <= longest; at++) {
    const order = kindAt(a, at) - kindAt(b, at);
    if (order !== 0) return order;
  }
  return 0;
}

function kindAt(pattern: PathPattern, at: number): number {
  const segment = pattern.segments[at];
  if (segment !== undefined) return "literal" in segment ? 0 : 1;
  return at === pattern.segments.length && pattern.tail ? 2 : 0;
}

/**
 * The order of precedence: the nearer host, then the more specific path, then more header conditions. Document order
 * decides last. Negative when `a` comes first.
 */
export function compareRoutes(a: Matchable, b: Matchable, host: string): number {
  const hosts = (hostRank(a.match.hosts, host) ?? 3) - (hostRank(b.match.hosts, host) ?? 3);
  return hosts || comparePaths(a.match.path, b.match.path) || compareHeaders(a, b);
}

/** More header conditions come first. */
export function compareHeaders(a: Matchable, b: Matchable): number {
  return Object.keys(b.match.headers).length - Object.keys(a.match.headers).length;
}
