import { limits } from "../../limits.ts";
import type { DocumentProblem, Path } from "../problem.ts";
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
  const problems = [...file.syntax, ...file.problems];
  return {
    value: file.complete && file.syntax.length === 0 ? file.value : undefined,
    problems,
    find: (path, at) => file.find(path, at),
  };
}
