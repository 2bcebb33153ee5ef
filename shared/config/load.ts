/**
 * From the text of a document to a checked document: YAML 1.2 or JSON (which YAML contains), every problem with its
 * line and column. Not for bundles that get documents as JSON: those use `check-document.ts` and carry no YAML parser.
 */
import { parseDocument, type YAMLError } from "yaml";
import { limits } from "../limits.ts";
import { checkDocument } from "./check-document.ts";
import { LineTable } from "./line-table.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import type { Secrets } from "./references.ts";
import type { Document } from "./schema.ts";
import { type FoundProblem, type Place, readYaml } from "./yaml-value.ts";

/** Where something stands in the text, from 1; `length` counts characters on that line. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** Finds where a path of the document stands in its text. */
export interface PositionMap {
  /** The nearest enclosing place when the path itself is not in the text. */
  find(path: Path, at?: "key" | "value"): Position;
}

export interface LoadedDocument {
  /** Present when no problem is an error; plain JSON, `${env:}` replaced. */
  readonly document?: Document;
  /** In the order of the text; errors and warnings. */
  readonly problems: readonly DocumentProblem[];
  readonly positions: PositionMap;
}

/**
 * @param file name for messages
 * @param env environment variables by name
 * @param secrets where `${secret:}` references are looked up
 */
export function loadDocument(
  text: string,
  file: string,
  env: (name: string) => string | undefined,
  secrets?: Secrets,
): LoadedDocument {
  const lines = new LineTable(text);
  const finder = (root: Place | undefined): PositionMap => ({
    find: (path, at) => locate(root, path, at, text, lines),
  });
  const { documentBytesMax } = limits.control;
  if (text.length > documentBytesMax || new TextEncoder().encode(text).length > documentBytesMax) {
    const problem = error("SLV1003", [], `${file} is larger than ${documentBytesMax} bytes`);
    return { problems: [{ ...problem, line: 1, column: 1, length: 1 }], positions: finder(undefined) };
  }
  const tree = parse(text);
  if ("fault" in tree) return { problems: [tree.fault], positions: finder(undefined) };
  const yaml = readYaml(tree.contents, text, env);
  const positions = finder(yaml.place);
  const syntax = tree.errors.map((fault) => syntaxProblem(fault, text, lines));
  const checked = yaml.complete ? checkDocument(yaml.value, secrets).problems : [];
  const located = [...yaml.problems, ...withoutFollowers(checked, yaml.problems)].map(
    ({ range, ...problem }: FoundProblem) => ({
      ...problem,
      ...(range === undefined ? positions.find(problem.path, problem.at) : positionOf(...range, text, lines)),
    }),
  );
  const problems = tidy([...syntax, ...believable(located, syntax)]);
  if (problems.some((problem) => problem.severity === "error")) return { problems, positions };
  return { document: yaml.value as Document, problems, positions };
}

function parse(text: string) {
  try {
    return parseDocument(text, { prettyErrors: false, uniqueKeys: false });
  } catch (fault) {
    if (!(fault instanceof RangeError)) throw fault;
    return {
      fault: { ...error("SLV1003", [], "the document is nested too deeply to be read"), line: 1, column: 1, length: 1 },
    };
  }
}

function syntaxProblem(fault: YAMLError, text: string, lines: LineTable): DocumentProblem {
  const [start, end] = fault.pos;
  const message = fault.message.replace(/\.$/, "");
  const deep = message.startsWith("Maximum call stack");
  const problem = deep
    ? error("SLV1003", [], "the document is nested too deeply to be read")
    : error("SLV1001", [], `this is not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`);
  return { ...problem, ...positionOf(start, end, text, lines) };
}

/** What could not be read is not judged as well. */
function withoutFollowers(checked: readonly DocumentProblem[], read: readonly DocumentProblem[]): DocumentProblem[] {
  const unread = new Set(read.filter(({ code }) => code !== "SLV1002").map(({ path }) => JSON.stringify(path)));
  return checked.filter(({ path }) => !unread.has(JSON.stringify(path)));
}

/** After the first syntax error the tree is a guess: only what stands before it, and is there, is reported. */
function believable(problems: readonly DocumentProblem[], syntax: readonly DocumentProblem[]): DocumentProblem[] {
  const firstFault = Math.min(...syntax.map(({ line = 1 }) => line));
  if (syntax.length === 0) return [...problems];
  const certain = new Set(["SLV1002", "SLV2001", "SLV2003", "SLV2004", "SLV4002", "SLV4003"]);
  return problems.filter(({ code, line = 1 }) => certain.has(code) && line < firstFault);
}

/** In the order of the text, each once, at most so many: errors before warnings when there is no room for all. */
function tidy(problems: readonly DocumentProblem[]): DocumentProblem[] {
  const { problemsMax } = limits.document;
  const key = ({ line, column, code, message }: DocumentProblem): string => `${line}:${column}:${code}:${message}`;
  const unique = [...new Map(problems.map((problem) => [key(problem), problem])).values()];
  const ordered = unique.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  if (ordered.length <= problemsMax) return ordered;
  const errors = ordered.filter(({ severity }) => severity === "error");
  const shown = (errors.length === 0 ? ordered : errors).slice(0, problemsMax);
  const { severity = "error", line = 1 } = shown.at(-1) ?? {};
  const rest = error("SLV1003", [], `${ordered.length - shown.length} more problems are not shown`);
  return [...shown, { ...rest, severity, line, column: 1, length: 1 }];
}

function locate(
  root: Place | undefined,
  path: Path,
  at: "key" | "value" | undefined,
  text: string,
  lines: LineTable,
): Position {
  let place = root;
  for (const [depth, step] of path.entries()) {
    const child = place?.children?.get(step);
    if (child === undefined)
      return place === undefined ? START : rangeOf(place, depth === 0 ? "value" : "key", text, lines);
    place = child;
  }
  return place === undefined ? START : rangeOf(place, at ?? "value", text, lines);
}

const START: Position = { line: 1, column: 1, length: 1 };

function rangeOf(place: Place, at: "key" | "value", text: string, lines: LineTable): Position {
  const [start, end] = (at === "key" ? place.key : undefined) ?? place.value;
  return positionOf(start, end, text, lines);
}

function positionOf(start: number, end: number, text: string, lines: LineTable): Position {
  const { line, column } = lines.at(start);
  const newline = text.indexOf("\n", start);
  const lineEnd = newline < 0 ? text.length : newline;
  return { line, column, length: Math.max(1, Math.min(end, lineEnd) - start) };
}
