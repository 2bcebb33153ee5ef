import { isContainer } from "../../http/exact-json.ts";
import { limits } from "../../limits.ts";
import { type DocumentProblem, error, type Path } from "../problem.ts";
import { type Position, ReadFile } from "../read-file.ts";
import { JsonSource } from "./json-source.ts";

/** One file of an API description, or an overlay: its value, and where each part of it stands. */
export interface SourceFile {
  /** Undefined: it is too large, or there is none. */
  readonly value: unknown;
  /** With their places. */
  readonly problems: readonly DocumentProblem[];
  /** The nearest enclosing place when the path itself is not in the text. */
  find(path: Path, at?: "key" | "value"): Position;
}

/** @param name of the file, for problems @param text JSON or YAML 1.2 */
export function readSourceFile(name: string, text: string): SourceFile {
  if (/^\s*\{/.test(text))
    try {
      return new JsonSource(name, text);
    } catch {
      // YAML takes what JSON does not, and says where a text is neither.
    }
  const file = new ReadFile(name, text, undefined, limits.openapi);
  const traps = TRAPS.flatMap(([key, message]) =>
    (text.includes(key) ? keyPaths(file.value, key) : []).map((path) => ({
      ...error("SLV2004", path, message, { at: "key" }),
      ...file.find(path, "key"),
    })),
  );
  const problems = [...file.syntax, ...file.problems, ...traps];
  return {
    value: file.complete && file.syntax.length === 0 ? file.value : undefined,
    problems,
    find: (path, at) => file.find(path, at),
  };
}

/** Keys that would not be what their writer meant. */
const TRAPS = [
  ["__proto__", '"__proto__" cannot be used as a key'],
  ["<<", '"<<" merges nothing in YAML 1.2: write out what it should bring, or use `$ref` or `allOf`'],
] as const;

/** Where a key occurs in a value. */
function keyPaths(root: unknown, wanted: string): Path[] {
  const found: Path[] = [];
  const pending: { value: unknown; path: Path }[] = [{ value: root, path: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop())
    for (const [key, value] of isContainer(next.value) ? Object.entries(next.value) : []) {
      const path = [...next.path, Array.isArray(next.value) ? Number(key) : key];
      if (key === wanted) found.push(path);
      else if (isContainer(value)) pending.push({ value, path });
    }
  return found;
}
