/**
 * From a request to its route: for each host a trie over path segments, so that the cost grows with the path and not with
 * the number of routes. Routes that name the host are tried before those of its wildcard before those of every host; at
 * each segment a literal before a parameter before a tail, going back when nothing below fits.
 */
import { compareHeaders, hostRank, hostWithoutPort, type Matchable, wildcardOf } from "./compare-routes.ts";
import type { PathPattern } from "./route-match.ts";

export interface RouteRequest {
  /** Value of `Host`, with or without port. */
  readonly host: string;
  readonly method: string;
  /** As `normalisePath` gave it. */
  readonly path: string;
  /** Value of a request header. @param name in lower case */
  header(name: string): string | null | undefined;
}

export interface RouteTable<Route extends Matchable> {
  readonly hosts: readonly string[];
  /** By exact host, by wildcard, and by `""` for routes of every host. */
  readonly roots: ReadonlyMap<string, Node<Route>>;
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

interface Node<Route extends Matchable> {
  readonly literals: Map<string, Node<Route>>;
  param: Node<Route> | undefined;
  /** Routes whose pattern ends here, and those whose tail begins here, in precedence. */
  readonly ends: Candidate<Route>[];
  readonly tails: Candidate<Route>[];
}

interface Candidate<Route extends Matchable> {
  readonly route: Route;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * @param routes in the order of the document
 * @param hosts hosts that are served at all, as in a plan; empty: any
 */
export function compileRoutes<Route extends Matchable>(
  routes: readonly Route[],
  hosts: readonly string[] = [],
): RouteTable<Route> {
  const roots = new Map<string, Node<Route>>();
  for (const route of routes.toSorted(compareHeaders)) {
    const { path, headers, hosts: own } = route.match;
    for (const host of own.length === 0 ? [EVERY_HOST] : own) {
      const root = roots.get(host) ?? newNode<Route>();
      roots.set(host, root);
      const node = nodeFor(root, path);
      (path.tail ? node.tails : node.ends).push({ route, headers: Object.entries(headers) });
    }
  }
  return { hosts, roots };
}

const EVERY_HOST = "";

function newNode<Route extends Matchable>(): Node<Route> {
  return { literals: new Map(), param: undefined, ends: [], tails: [] };
}

function nodeFor<Route extends Matchable>(root: Node<Route>, pattern: PathPattern): Node<Route> {
  let node = root;
  for (const segment of pattern.segments) {
    if ("param" in segment) {
      node.param ??= newNode();
      node = node.param;
      continue;
    }
    const next = node.literals.get(segment.literal) ?? newNode<Route>();
    node.literals.set(segment.literal, next);
    node = next;
  }
  return node;
}

/** The route of a request, or what was missing. */
export function matchRoute<Route extends Matchable>(
  table: RouteTable<Route>,
  request: RouteRequest,
): RouteResult<Route> {
  const host = hostWithoutPort(request.host);
  if (host === undefined || hostRank(table.hosts, host) === undefined) return { missing: "unknown_host" };
  const segments = request.path.slice(1).split("/");
  const search: Search = { request, segments, allow: new Set() };
  for (const name of [host, wildcardOf(host), EVERY_HOST]) {
    const root = name === undefined ? undefined : table.roots.get(name);
    const route = root === undefined ? undefined : find(root, 0, search);
    if (route !== undefined) return { route, params: paramsOf(route.match.path, segments) };
  }
  if (search.allow.size === 0) return { missing: "no_route" };
  return { missing: "method_not_allowed", allow: [...search.allow].sort() };
}

interface Search {
  readonly request: RouteRequest;
  readonly segments: readonly string[];
  /** Methods of routes that fitted but for the method. */
  readonly allow: Set<string>;
}

function find<Route extends Matchable>(node: Node<Route>, at: number, search: Search): Route | undefined {
  const segment = search.segments[at];
  if (segment === undefined) return choose(node.ends, search) ?? choose(node.tails, search);
  const literal = node.literals.get(segment);
  const byLiteral = literal === undefined ? undefined : find(literal, at + 1, search);
  if (byLiteral !== undefined) return byLiteral;
  const byParam = node.param === undefined || segment === "" ? undefined : find(node.param, at + 1, search);
  return byParam ?? choose(node.tails, search);
}

/** The first of the routes of one place that fits in everything but host and path, which they share. */
function choose<Route extends Matchable>(candidates: readonly Candidate<Route>[], search: Search): Route | undefined {
  for (const { route, headers } of candidates) {
    if (!headers.every(([name, value]) => search.request.header(name) === value)) continue;
    const { methods } = route.match;
    if (methods.length === 0 || methods.includes(search.request.method)) return route;
    for (const method of methods) search.allow.add(method);
  }
  return undefined;
}

function paramsOf(pattern: PathPattern, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [at, segment] of pattern.segments.entries())
    if ("param" in segment) params[segment.param] = decodeURIComponent(segments[at] ?? "");
  if (pattern.tail) params["*"] = segments.slice(pattern.segments.length).join("/");
  return params;
}
