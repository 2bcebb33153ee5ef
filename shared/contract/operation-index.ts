/**
 * Which operation of a contract a request asks for. Paths are a tree of their segments, made once: what finding one costs does not
 * grow with the number of operations.
 */
import { decodeEscapes } from "../http/escapes.ts";
import type { Contract, ContractOperation } from "./contract.ts";

export interface OperationIndex {
  readonly root: PathNode;
}

/** Concrete segments come before templated ones (OpenAPI 3.1.1 section 4.8.8.2), and those that are partly so between them. */
interface PathNode {
  readonly literals: Map<string, PathNode>;
  readonly mixed: { readonly pattern: SegmentPattern; readonly node: PathNode }[];
  any: PathNode | undefined;
  /** By method, in capitals. Undefined: no path ends here. */
  operations: Map<string, ContractOperation> | undefined;
}

/** `report-{year}.json`: texts around places for values; there is one more text than places. */
type SegmentPattern = readonly string[];

export type OperationSearch =
  /** `path`: values of the path's parameters by name, not decoded. */
  | {
      readonly kind: "found";
      readonly operation: ContractOperation;
      readonly path: ReadonlyMap<string, string>;
    }
  | { readonly kind: "no-path" }
  /** Methods that the path has. */
  | { readonly kind: "no-method"; readonly allow: readonly string[] };

const newNode = (): PathNode => ({ literals: new Map(), mixed: [], any: undefined, operations: undefined });

export function indexOperations({ operations }: Pick<Contract, "operations">): OperationIndex {
  const root = newNode();
  for (const operation of operations) {
    let node = root;
    for (const segment of segmentsOf(operation.path)) node = childOf(node, segment);
    node.operations ??= new Map();
    if (!node.operations.has(operation.method)) node.operations.set(operation.method, operation);
  }
  return { root };
}

/**
 * @param method in capitals; HEAD is GET where the path has no HEAD of its own (RFC 9110 section 9.3.2)
 * @param path relative to the contract's base path, as `normalisePath` gives it
 */
export function findOperation({ root }: OperationIndex, method: string, path: string): OperationSearch {
  const values: string[] = [];
  const found = walk(root, segmentsOf(path), 0, values);
  if (found === undefined) return { kind: "no-path" };
  const operation = found.get(method) ?? (method === "HEAD" ? found.get("GET") : undefined);
  if (operation === undefined) return { kind: "no-method", allow: allowed(found) };
  const names = namesIn(operation.path);
  return { kind: "found", operation, path: new Map(names.map((name, at) => [name, values[at] ?? ""])) };
}

/**
 * The part of a path behind a prefix.
 * @param basePath without a `/` at its end; "" for none
 * @returns undefined when the path is not behind it
 */
export function pathBehind(basePath: string, path: string): string | undefined {
  if (basePath === "") return path;
  if (!path.startsWith(basePath)) return undefined;
  const rest = path.slice(basePath.length);
  return rest === "" ? "/" : rest.startsWith("/") ? rest : undefined;
}

const segmentsOf = (path: string): string[] => path.slice(1).split("/");

const namesIn = (template: string): string[] => (template.match(/\{[^{}]*\}/g) ?? []).map((name) => name.slice(1, -1));

function allowed(operations: ReadonlyMap<string, ContractOperation>): readonly string[] {
  const methods = [...operations.keys()];
  return methods.includes("GET") && !methods.includes("HEAD") ? [...methods, "HEAD"] : methods;
}

function childOf(node: PathNode, segment: string): PathNode {
  const pattern = segment.split(/\{[^{}]*\}/).map(decoded);
  if (pattern.length === 1) {
    const literal = decoded(segment);
    const known = node.literals.get(literal) ?? newNode();
    node.literals.set(literal, known);
    return known;
  }
  if (pattern.every((text) => text === "") && pattern.length === 2) {
    node.any ??= newNode();
    return node.any;
  }
  const known = node.mixed.find((one) => isSame(one.pattern, pattern));
  if (known !== undefined) return known.node;
  const made = { pattern, node: newNode() };
  node.mixed.push(made);
  // The one with more text says more.
  node.mixed.sort((a, b) => b.pattern.join("").length - a.pattern.join("").length);
  return made.node;
}

const isSame = (a: SegmentPattern, b: SegmentPattern): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);

/** @param values gets those on the way; only those of the way that was found remain */
function walk(
  node: PathNode,
  segments: readonly string[],
  at: number,
  values: string[],
): ReadonlyMap<string, ContractOperation> | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.operations;
  const literal = node.literals.get(decoded(segment));
  const concrete = literal && walk(literal, segments, at + 1, values);
  if (concrete !== undefined || segment === "") return concrete;
  const before = values.length;
  for (const { pattern, node: next } of node.mixed) {
    const parts = partsOf(plainFor(pattern, segment), pattern);
    if (parts === undefined) continue;
    values.push(...parts);
    const found = walk(next, segments, at + 1, values);
    if (found !== undefined) return found;
    values.length = before;
  }
  if (node.any === undefined) return undefined;
  values.push(segment);
  const found = walk(node.any, segments, at + 1, values);
  if (found === undefined) values.length = before;
  return found;
}

/** Escapes of what stands in the pattern itself are that, as in concrete segments; all others are left to who reads the values. */
function plainFor(pattern: SegmentPattern, segment: string): string {
  if (!segment.includes("%")) return segment;
  return segment.replace(/%[2-7][0-9A-F]/g, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return character !== "%" && pattern.some((text) => text.includes(character)) ? character : escaped;
  });
}

/** Each value is as short as it can be, and not empty. */
function partsOf(segment: string, pattern: SegmentPattern): string[] | undefined {
  const first = pattern[0] ?? "";
  const last = pattern.at(-1) ?? "";
  if (!segment.startsWith(first) || !segment.endsWith(last)) return undefined;
  const end = segment.length - last.length;
  const parts: string[] = [];
  let from = first.length;
  for (const text of pattern.slice(1, -1)) {
    const to = segment.indexOf(text, from + 1);
    if (to < 0) return undefined;
    parts.push(segment.slice(from, to));
    from = to + text.length;
  }
  if (from >= end) return undefined;
  parts.push(segment.slice(from, end));
  return parts;
}

/** What cannot be decoded is compared as it stands. */
const decoded = (segment: string): string => decodeEscapes(segment) ?? segment;
