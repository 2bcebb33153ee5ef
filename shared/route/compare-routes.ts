/** Which of two routes that could both take a request comes first. One total order, the same for the table and for people. */
import { limits } from "../limits.ts";
import type { PathPattern, RouteMatch } from "./route-match.ts";

/** What matching needs of a route; plans carry more. */
export interface Matchable {
  readonly name: string;
  readonly match: RouteMatch;
}

/**
 * How near a list of hosts is to a host: 0 when it is named exactly, the number of labels that the nearest wildcard stands
 * for, more than any of these when the list is empty.
 * @returns undefined when the list does not have the host
 */
export function hostRank(hosts: readonly string[], host: string): number | undefined {
  if (hosts.length === 0) return EVERY_HOST_RANK;
  if (hosts.includes(host)) return 0;
  const at = wildcardsOf(host).findIndex((wildcard) => hosts.includes(wildcard));
  return at < 0 ? undefined : at + 1;
}

const EVERY_HOST_RANK = limits.http.hostCharsMax;

/** The wildcards that a host falls under, the nearest first: of `a.b.example` these are `*.b.example` and `*.example`. */
export function wildcardsOf(host: string): string[] {
  const wildcards: string[] = [];
  for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) wildcards.push(`*${host.slice(dot)}`);
  return wildcards;
}

/** A host without port and without the brackets of an IPv6 address, in lower case; undefined when it is no host. */
export function hostWithoutPort(value: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\](?::\d*)?|([^:[\]]+)(?::\d*)?|([0-9A-Fa-f:.]+))$/.exec(value);
  const found = (match?.[1] ?? match?.[2] ?? match?.[3])?.toLowerCase();
  const host = found?.endsWith(".") ? found.slice(0, -1) : found;
  return host === undefined || host.length > limits.http.hostCharsMax || host.includes("..") ? undefined : host;
}

/**
 * Segment by segment from the left: literal, parameter with an expression, parameter, expression for the rest, tail;
 * of two expressions the longer one, and of equally long ones the first by their characters. Negative when `a` comes first.
 */
function comparePaths(a: PathPattern, b: PathPattern): number {
  const longest = Math.max(a.segments.length, b.segments.length);
  for (let at = 0; at <= longest; at++) {
    const order = kindAt(a, at) - kindAt(b, at) || compareRegexes(regexAt(a, at), regexAt(b, at));
    if (order !== 0) return order;
  }
  return 0;
}

function kindAt(pattern: PathPattern, at: number): number {
  const segment = pattern.segments[at];
  if (segment !== undefined) return "literal" in segment ? 0 : segment.regex === undefined ? 2 : 1;
  if (at !== pattern.segments.length || !pattern.tail) return 0;
  return pattern.regex === undefined ? 4 : 3;
}

function regexAt(pattern: PathPattern, at: number): string {
  const segment = pattern.segments[at];
  if (segment === undefined) return (at === pattern.segments.length ? pattern.regex : undefined) ?? "";
  return ("param" in segment ? segment.regex : undefined) ?? "";
}

/** Negative when `a` comes first. */
export function compareRegexes(a: string, b: string): number {
  return b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * The order of precedence: the nearer host, then the more specific path, then what else is asked. Document order decides
 * last. Negative when `a` comes first.
 */
export function compareRoutes(a: Matchable, b: Matchable, host: string): number {
  const hosts = (hostRank(a.match.hosts, host) ?? Infinity) - (hostRank(b.match.hosts, host) ?? Infinity);
  return hosts || comparePaths(a.match.path, b.match.path) || compareConditions(a, b);
}

/** Named methods before every method, then more headers, more query parameters, more cookies, and named addresses. */
export function compareConditions({ match: a }: Matchable, { match: b }: Matchable): number {
  const count = (tests: object | undefined): number => (tests === undefined ? 0 : Object.keys(tests).length);
  return (
    Number(b.methods.length > 0) - Number(a.methods.length > 0) ||
    count(b.headers) - count(a.headers) ||
    count(b.query) - count(a.query) ||
    count(b.cookies) - count(a.cookies) ||
    Number(b.ip !== undefined) - Number(a.ip !== undefined)
  );
}
