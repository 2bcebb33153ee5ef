/** From YAML's tree to a plain value, together with where each part of it stands. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar } from "yaml";
import { limits } from "../limits.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import { referencesIn, replaceReferences } from "./references.ts";

type Range = readonly [start: number, end: number];

/** Where a value stands, its key, and what it contains. An alias shares the place of what it stands for. */
export interface Place {
  readonly value: Range;
  readonly key?: Range;
  readonly children?: Map<string | number, Place>;
  /** Values in it, itself included, after aliases are expanded. */
  readonly size: number;
  readonly depth: number;
}

export type Environment = (name: string) => string | undefined;

export interface YamlValue {
  readonly value: unknown;
  readonly place: Place | undefined;
  /** False: the value is too large to be looked at. */
  readonly complete: boolean;
  readonly problems: readonly FoundProblem[];
}

/** A problem with its own place, where the path alone would lead to another one. */
export type FoundProblem = DocumentProblem & { readonly range?: Range };

/** Tags of YAML's core schema that have a JSON form. */
const coreTags = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`),
);

interface Read {
  readonly value: unknown;
  readonly place: Place;
}

export interface ValueBounds {
  readonly nodesMax: number;
  readonly depthMax: number;
}

/** @param env environment variables by name, for `${env:NAME:-default}`; absent: such a text is nothing but a text */
export function readYaml(
  contents: unknown,
  text: string,
  env: Environment | undefined,
  { nodesMax, depthMax }: ValueBounds = limits.document,
): YamlValue {
  const reader = new Reader(text, env);
  const { value, place } = reader.read(contents, []);
  const problems: FoundProblem[] = [...reader.problems];
  if (place.size > nodesMax)
    problems.push(error("SLV1003", [], `the document has more than ${nodesMax} values once its aliases are expanded`));
  if (place.depth > depthMax)
    problems.push(error("SLV1003", [], `the document is nested deeper than ${depthMax} levels`));
  const complete = place.size <= nodesMax && place.depth <= depthMax;
  return { value, place, complete, problems };
}

class Reader {
  readonly problems: FoundProblem[] = [];
  readonly #anchors = new Map<string, Read>();
  readonly #text: string;
  readonly #env: Environment | undefined;

  constructor(text: string, env: Environment | undefined) {
    this.#text = text;
    this.#env = env;
  }

  read(node: unknown, path: Path): Read {
    const range: Range = rangeOf(node) ?? [0, 0];
    if (isAlias(node)) return this.#alias(node.source, range, path);
    const read = isMap(node)
      ? this.#map(node.items as Pair<unknown, unknown>[], range, path)
      : isSeq(node)
        ? this.#list(node.items, range, path)
        : { value: this.#scalar(node, path), place: { value: range, size: 1, depth: 0 } };
    const { anchor, tag } = (node ?? {}) as { anchor?: string; tag?: string };
    if (tag !== undefined && !coreTags.has(tag))
      this.problems.push(error("SLV1004", path, `the tag ${tag} has no meaning in a document`));
    if (anchor !== undefined) this.#anchors.set(anchor, read);
    return read;
  }

  #alias(anchor: string, range: Range, path: Path): Read {
    const target = this.#anchors.get(anchor);
    if (target !== undefined) return target;
    this.problems.push(error("SLV1004", path, `the alias *${anchor} has no anchor &${anchor} before it`));
    return { value: undefined, place: { value: range, size: 1, depth: 0 } };
  }

  #map(items: readonly Pair<unknown, unknown>[], range: Range, path: Path): Read {
    const value: Record<string, unknown> = {};
    const children = new Map<string | number, Place>();
    for (const { key: keyNode, value: valueNode } of items) {
      const key = this.#key(keyNode, path);
      if (key === undefined) continue;
      const own = [...path, key];
      const keyRange = rangeOf(keyNode) ?? range;
      const empty = { value: null, place: { value: keyRange, size: 1, depth: 0 } };
      const { value: member, place } = valueNode === null ? empty : this.read(valueNode, own);
      if (children.has(key)) {
        const line = lineOf(this.#text, children.get(key)?.key?.[0] ?? 0);
        this.problems.push({ ...duplicate(key, own, line), range: keyRange });
        continue;
      }
      children.set(key, { ...place, key: keyRange });
      Object.defineProperty(value, key, {
        value: member,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return { value, place: enclose(range, children) };
  }

  #list(items: readonly unknown[], range: Range, path: Path): Read {
    const children = new Map<string | number, Place>();
    const value = items.map((item, at) => {
      const read = this.read(item, [...path, at]);
      children.set(at, read.place);
      return read.value;
    });
    return { value, place: enclose(range, children) };
  }

  #key(node: unknown, path: Path): string | undefined {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === "string") return value;
    if (isScalar(node) && (typeof value === "number" || typeof value === "boolean"))
      return node.source ?? String(value);
    this.problems.push(error("SLV1004", path, "a key must be a plain text", { at: "key" }));
    return undefined;
  }

  #scalar(node: unknown, path: Path): unknown {
    const value = isScalar(node) ? node.value : null;
    if (typeof value !== "string") return value;
    const replaced = this.#replace(value, path);
    const plain = isScalar(node) && node.type === Scalar.PLAIN && replaced !== value;
    return plain ? retype(replaced) : replaced;
  }

  #replace(text: string, path: Path): string {
    const env = this.#env;
    if (env === undefined || !text.includes("${")) return text;
    for (const { kind, name, fallback } of referencesIn(text))
      if (kind === "env" && fallback === undefined && env(name) === undefined)
        this.problems.push(
          error("SLV4002", path, `the environment variable ${name} is not set`, {
            suggestion: `\${env:${name}:-default}`,
          }),
        );
    return replaceReferences(text, ({ kind, name, fallback }) => {
      if (kind !== "env") return undefined;
      const value = env(name);
      return fallback === undefined ? (value ?? "") : value === undefined || value === "" ? fallback : value;
    });
  }
}

/** An unquoted reference is read like the value itself would be, so that `port: ${env:PORT}` is a number. */
function retype(text: string): unknown {
  if (/^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text;
}

function enclose(value: Range, children: Map<string | number, Place>): Place {
  let [size, depth] = [1, 0];
  for (const child of children.values()) {
    size = Math.min(size + child.size, Number.MAX_SAFE_INTEGER);
    depth = Math.max(depth, child.depth + 1);
  }
  return { value, children, size, depth };
}

function duplicate(key: string, path: Path, line: number): DocumentProblem {
  return error("SLV1002", path, `the key ${JSON.stringify(key)} occurs twice, first on line ${line}`, { at: "key" });
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

function rangeOf(node: unknown): Range | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range === undefined || range === null ? undefined : [range[0], range[1]];
}
