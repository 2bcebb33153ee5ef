/**
 * The method of a request by its path: a tree of segments, so that looking one up costs by the length of the path, however many
 * methods there are. A literal comes before `*`, that before `**`; a verb before a segment that has a `:` in it.
 */
import type { Binding, BoundVariable } from "./bindings.ts";

interface Node {
  readonly literals: Map<string, Node>;
  any: Node | undefined;
  /** What ends here, by verb, then by method. */
  readonly ends: Map<string, Map<string, Binding>>;
  /** What takes all segments from here on. */
  readonly rest: Map<string, Map<string, Binding>>;
}

export interface MethodIndex {
  readonly root: Node;
  readonly verbs: ReadonlySet<string>;
  /** Bindings that another one before them has taken the requests of. */
  readonly hidden: readonly { readonly binding: Binding; readonly by: Binding }[];
}

export interface CalledMethod {
  readonly binding: Binding;
  readonly captured: readonly Captured[];
  readonly missing?: never;
}

export type FoundMethod =
  | CalledMethod
  | { readonly missing: "path"; readonly binding?: never }
  /** The path has methods of gRPC, by other methods of HTTP: `allow`, sorted. */
  | { readonly missing: "method"; readonly allow: readonly string[]; readonly binding?: never };

/** A variable with its value, still escaped. */
export interface Captured {
  readonly variable: BoundVariable;
  readonly segments: readonly string[];
}

const newNode = (): Node => ({ literals: new Map(), any: undefined, ends: new Map(), rest: new Map() });

/** @param bindings the first of two that take the same requests has them */
export function indexMethods(bindings: readonly Binding[]): MethodIndex {
  const root = newNode();
  const verbs = new Set<string>();
  const hidden: { binding: Binding; by: Binding }[] = [];
  for (const binding of bindings) {
    const { template, rule } = binding;
    verbs.add(template.verb);
    const ends = endsFor(root, template.segments);
    const methods = ends.get(template.verb) ?? new Map<string, Binding>();
    ends.set(template.verb, methods);
    const by = methods.get(rule.method);
    if (by !== undefined) hidden.push({ binding, by });
    else methods.set(rule.method, binding);
  }
  return { root, verbs, hidden };
}

function endsFor(root: Node, segments: readonly string[]): Node["ends"] {
  let node = root;
  for (const segment of segments) {
    if (segment === "**") return node.rest;
    if (segment === "*") {
      node.any ??= newNode();
      node = node.any;
      continue;
    }
    const next = node.literals.get(segment) ?? newNode();
    node.literals.set(segment, next);
    node = next;
  }
  return node.ends;
}

/**
 * @param method in capitals; HEAD is answered as GET
 * @param path normalised, without query
 */
export function findMethod(index: MethodIndex, method: string, path: string): FoundMethod {
  const segments = path.slice(1).split("/");
  const wanted = method === "HEAD" ? "GET" : method;
  const others = new Set<string>();
  const last = segments.at(-1) ?? "";
  const colon = last.lastIndexOf(":");
  const verb = colon < 0 ? "" : last.slice(colon + 1);
  const ways: (readonly [segments: readonly string[], verb: string])[] = [[segments, ""]];
  if (verb !== "" && index.verbs.has(verb)) ways.unshift([[...segments.slice(0, -1), last.slice(0, colon)], verb]);
  for (const [way, ending] of ways) {
    const binding = search(index.root, way, 0, ending, wanted, others);
    if (binding !== undefined) return { binding, captured: capture(binding, way) };
  }
  return others.size === 0 ? { missing: "path" } : { missing: "method", allow: [...others].sort() };
}

function search(
  node: Node,
  segments: readonly string[],
  at: number,
  verb: string,
  wanted: string,
  others: Set<string>,
): Binding | undefined {
  const segment = segments[at];
  let found: Binding | undefined;
  if (segment === undefined) found = pick(node.ends, verb, wanted, others);
  else {
    const literal = node.literals.get(segment);
    if (literal !== undefined) found = search(literal, segments, at + 1, verb, wanted, others);
    if (found === undefined && node.any !== undefined && segment !== "")
      found = search(node.any, segments, at + 1, verb, wanted, others);
  }
  return found ?? pick(node.rest, verb, wanted, others);
}

function pick(ends: Node["ends"], verb: string, wanted: string, others: Set<string>): Binding | undefined {
  const methods = ends.get(verb);
  if (methods === undefined) return undefined;
  const found = methods.get(wanted) ?? methods.get("*");
  if (found === undefined) for (const method of methods.keys()) others.add(method);
  return found;
}

const capture = ({ variables }: Binding, segments: readonly string[]): Captured[] =>
  variables.map((variable) => ({ variable, segments: segments.slice(variable.from, variable.to) }));

/**
 * The value of a variable (google/api/http.proto): escapes are decoded, but those of `/` where it may have several segments.
 * @returns undefined: an escape is none, or no UTF-8
 */
export function capturedText({ variable, segments }: Captured): string | undefined {
  const decode = variable.isMany
    ? (text: string) => text.split(/%2f/i).map(decodeURIComponent).join("%2F")
    : decodeURIComponent;
  try {
    return segments.map((segment) => decode(segment)).join("/");
  } catch {
    return undefined;
  }
}
