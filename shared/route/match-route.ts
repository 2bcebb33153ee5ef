/**
 * From a request to its route: for each host a trie over path segments, so that the cost grows with the path and not with
 * the number of routes. Routes that name the host are tried before those of its wildcards, the nearest first, before those
 * of every host; at each segment a literal before a parameter with an expression before a parameter before an expression
 * for the rest before a tail, going back when nothing below fits.
 */
import {
  compareConditions,
  compareRegexes,
  hostRank,
  hostWithoutPort,
  type Matchable,
  wildcardsOf,
} from "./compare-routes.ts";
import { type Candidate, candidateOf, Place, type PlaceSearch } from "./place.ts";
import type { PathPattern } from "./route-match.ts";
import { noRegexes, type Regexes, type RouteFacts, regexesOf } from "./value-test.ts";

export interface RouteRequest extends RouteFacts {
  /** Value of `Host`, with or without port. */
  readonly host: string;
  readonly method: string;
  /** As `normalisePath` gave it. */
  readonly path: string;
}

export interface RouteTable<Route extends Matchable> {
  /** Whether a host is served at all. */
  serves(host: string): boolean;
  /** By exact host, by wildcard, and by `""` for routes of every host. */
  readonly roots: ReadonlyMap<string, Node<Route>>;
  readonly hasWildcards: boolean;
}

export type RouteResult<Route extends Matchable> =
  | {
      readonly route: Route;
      /** Decoded parameters; `*` is the rest that a tail stands for, still encoded, without its first slash. */
      readonly params: Readonly<Record<string, string>>;
      readonly missing?: never;
    }
  | {
      readonly missing: "no_route" | "method_not_allowed" | "unknown_host";
      /** For `method_not_allowed`: methods that a route would have taken. */
      readonly allow?: readonly string[];
      readonly route?: never;
    };

type Matches = (text: string) => boolean;

interface Node<Route extends Matchable> {
  readonly literals: Map<string, Node<Route>>;
  /** Parameters with an expression; in precedence. */
  readonly constrained: { readonly regex: string; readonly matches: Matches; readonly node: Node<Route> }[];
  param: Node<Route> | undefined;
  /** Expressions for the rest of the path that begins here; in precedence. */
  readonly rests: { readonly regex: string; readonly matches: Matches; readonly place: Place<Route> }[];
  /** Routes whose pattern ends here, and those whose tail begins here. */
  readonly ends: Place<Route>;
  readonly tails: Place<Route>;
}

/**
 * @param routes in the order of the document
 * @param hosts hosts that are served at all, as in a plan; empty: any
 * @param regexes those that the routes name; a route with one that is not there never matches
 */
export function compileRoutes<Route extends Matchable>(
  routes: readonly Route[],
  hosts: readonly string[] = [],
  regexes: Regexes = noRegexes,
): RouteTable<Route> {
  const roots = new Map<string, Node<Route>>();
  for (const route of routes.toSorted(compareConditions)) {
    const { path, hosts: own } = route.match;
    if (!regexesOf(route.match).every((regex) => regexes.has(regex))) continue;
    const candidate = candidateOf(route);
    for (const host of own.length === 0 ? [EVERY_HOST] : own) {
      const root = roots.get(host) ?? newNode<Route>(regexes);
      roots.set(host, root);
      addTo(nodeFor(root, path, regexes), path, candidate, regexes);
    }
  }
  const hasWildcards = [...roots.keys()].some((host) => host.startsWith("*"));
  return { serves: servedBy(hosts), roots, hasWildcards };
}

const EVERY_HOST = "";

function servedBy(hosts: readonly string[]): (host: string) => boolean {
  const names = new Set(hosts);
  const wildcards = hosts.filter((host) => host.startsWith("*"));
  if (names.size === 0) return () => true;
  return (host) => names.has(host) || (wildcards.length > 0 && hostRank(wildcards, host) !== undefined);
}

function newNode<Route extends Matchable>(regexes: Regexes): Node<Route> {
  const [ends, tails] = [new Place<Route>(regexes), new Place<Route>(regexes)];
  return { literals: new Map(), constrained: [], param: undefined, rests: [], ends, tails };
}

function nodeFor<Route extends Matchable>(root: Node<Route>, { segments }: PathPattern, regexes: Regexes): Node<Route> {
  let node = root;
  for (const segment of segments) {
    if ("literal" in segment) {
      const next: Node<Route> = node.literals.get(segment.literal) ?? newNode(regexes);
      node.literals.set(segment.literal, next);
      node = next;
    } else if (segment.regex === undefined) {
      node.param ??= newNode(regexes);
      node = node.param;
    } else {
      node = ranked(node.constrained, segment.regex, regexes, (regex, matches) => ({
        ...{ regex, matches },
        node: newNode<Route>(regexes),
      })).node;
    }
  }
  return node;
}

function addTo<Route extends Matchable>(
  node: Node<Route>,
  { tail, regex }: PathPattern,
  candidate: Candidate<Route>,
  regexes: Regexes,
): void {
  const make = (source: string, matches: Matches) => ({ regex: source, matches, place: new Place<Route>(regexes) });
  const whole = tail ? node.tails : node.ends;
  const place = regex === undefined ? whole : ranked(node.rests, regex, regexes, make).place;
  place.add(candidate);
}

/** The entry of an expression in a list that is in precedence; a new one when there is none. */
function ranked<Entry extends { readonly regex: string }>(
  list: Entry[],
  regex: string,
  regexes: Regexes,
  make: (regex: string, matches: Matches) => Entry,
): Entry {
  const found = list.find((entry) => entry.regex === regex);
  if (found !== undefined) return found;
  const made = make(regex, (text) => regexes.get(regex)?.matches(text) === true);
  list.push(made);
  list.sort((a, b) => compareRegexes(a.regex, b.regex));
  return made;
}

/** The route of a request, or what was missing. */
export function matchRoute<Route extends Matchable>(
  table: RouteTable<Route>,
  request: RouteRequest,
): RouteResult<Route> {
  const host = hostWithoutPort(request.host);
  if (host === undefined || !table.serves(host)) return { missing: "unknown_host" };
  const segments = request.path.slice(1).split("/");
  const search: Search = { request, segments, allow: undefined };
  const route = findFor(table, host, search);
  if (route !== undefined) return { route, params: paramsOf(route.match.path, segments) };
  if (search.allow === undefined) return { missing: "no_route" };
  return { missing: "method_not_allowed", allow: [...search.allow].sort() };
}

interface Search extends PlaceSearch {
  readonly request: RouteRequest;
  readonly segments: readonly string[];
}

function findFor<Route extends Matchable>(
  { roots, hasWildcards }: RouteTable<Route>,
  host: string,
  search: Search,
): Route | undefined {
  const own = roots.get(host);
  const route = own && find(own, 0, search);
  if (route !== undefined) return route;
  for (const wildcard of hasWildcards ? wildcardsOf(host) : NONE) {
    const root = roots.get(wildcard);
    const found = root && find(root, 0, search);
    if (found !== undefined) return found;
  }
  const rest = roots.get(EVERY_HOST);
  return rest && find(rest, 0, search);
}

const NONE: readonly string[] = [];

function find<Route extends Matchable>(node: Node<Route>, at: number, search: Search): Route | undefined {
  const segment = search.segments[at];
  if (segment === undefined) return node.ends.choose(search) ?? findRest(node, search);
  const literal = node.literals.get(segment);
  const byLiteral = literal === undefined ? undefined : find(literal, at + 1, search);
  if (byLiteral !== undefined) return byLiteral;
  return (segment === "" ? undefined : findParam(node, segment, at, search)) ?? findRest(node, search);
}

function findParam<Route extends Matchable>(
  { constrained, param }: Node<Route>,
  segment: string,
  at: number,
  search: Search,
): Route | undefined {
  if (constrained.length > 0) {
    const value = decodeURIComponent(segment);
    for (const { matches, node } of constrained) {
      const found = matches(value) ? find(node, at + 1, search) : undefined;
      if (found !== undefined) return found;
    }
  }
  return param && find(param, at + 1, search);
}

function findRest<Route extends Matchable>({ rests, tails }: Node<Route>, search: Search): Route | undefined {
  for (const { matches, place } of rests) {
    const found = matches(search.request.path) ? place.choose(search) : undefined;
    if (found !== undefined) return found;
  }
  return tails.choose(search);
}

function paramsOf(pattern: PathPattern, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [at, segment] of pattern.segments.entries())
    if ("param" in segment) params[segment.param] = decodeURIComponent(segments[at] ?? "");
  if (pattern.tail) params["*"] = segments.slice(pattern.segments.length).join("/");
  return params;
}
