/**
 * From the text of a document to a checked document: YAML 1.2 or JSON (which YAML contains), every problem with its
 * line and column. Not for bundles that get documents as JSON: those use `check-document.ts` and carry no YAML parser.
 */
import { limits } from "../limits.ts";
import { checkDocument } from "./check-document.ts";
import { splitFiles } from "./document-files.ts";
import { MergedFiles } from "./merged-files.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import { type QuarantinedRoute, quarantineBroken } from "./quarantine.ts";
import { type Position, ReadFile } from "./read-file.ts";
import type { Secrets } from "./references.ts";
import type { Document } from "./schema.ts";

/** Finds where a path of the document stands in its text. */
export interface PositionMap {
  /** The nearest enclosing place when the path itself is not in the text. */
  find(path: Path, at?: "key" | "value"): Position;
}

export interface LoadedDocument {
  /** Present when no problem is an error, or all errors are of routes in quarantine; plain JSON, `${env:}` replaced. */
  readonly document?: Document;
  /** In the order of the files and their text; errors and warnings. */
  readonly problems: readonly DocumentProblem[];
  readonly positions: PositionMap;
  /** Broken routes that are out of service; empty unless they were asked for. */
  readonly quarantined: readonly QuarantinedRoute[];
}

/**
 * @param text of the document, or of all of its files (`joinFiles`)
 * @param file name for messages
 * @param env environment variables by name; included files see none
 * @param secrets where `${secret:}` references are looked up
 * @param quarantine put broken routes of included files out of service instead of refusing the document
 */
export function loadDocument(
  text: string,
  file: string,
  env: (name: string) => string | undefined,
  secrets?: Secrets,
  quarantine = false,
): LoadedDocument {
  const { documentBytesMax } = limits.control;
  if (text.length > documentBytesMax || new TextEncoder().encode(text).length > documentBytesMax) {
    const problem = error("SLV1003", [], `${file} is larger than ${documentBytesMax} bytes`);
    const positions = new ReadFile(undefined, "", env);
    return { problems: [{ ...problem, line: 1, column: 1, length: 1 }], positions, quarantined: [] };
  }
  const [{ text: own } = { text }, ...included] = splitFiles(text);
  const main = new ReadFile(undefined, own, env);
  if (!main.complete && main.syntax.length > 0) return { problems: main.syntax, positions: main, quarantined: [] };
  const merged = new MergedFiles(main, included);
  const checked = main.complete ? checkDocument(merged.value, secrets).problems : [];
  const located = withoutFollowers(checked, main.problems).map((problem) => locate(problem, merged));
  const found = believable([...main.problems, ...located, ...merged.problems], main.syntax);
  const all = [...main.syntax, ...found];
  const names = included.map(({ name }) => name);
  const outcome = { problems: tidy(all, names), positions: merged, quarantined: [] };
  const errors = all.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return { ...outcome, document: merged.value as Document };
  if (!quarantine || !merged.canLeaveOut || errors.some((one) => one.file === undefined)) return outcome;
  const { document, quarantined } = quarantineBroken(merged.value, (at) => merged.isIncluded(at));
  return document === undefined ? outcome : { ...outcome, document, quarantined: [...merged.leftOut, ...quarantined] };
}

function locate(problem: DocumentProblem, merged: MergedFiles): DocumentProblem {
  const placed = { ...problem, ...merged.find(problem.path, problem.at) };
  if (problem.other === undefined) return placed;
  const { file = "the document", line } = merged.find(problem.other);
  return { ...placed, message: `${problem.message} (the other stands at line ${line} of ${file})` };
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
  return problems.filter(({ code, file, line = 1 }) => file === undefined && certain.has(code) && line < firstFault);
}

/** In the order of the text, each once, at most so many: errors before warnings when there is no room for all. */
function tidy(problems: readonly DocumentProblem[], files: readonly string[]): DocumentProblem[] {
  const { problemsMax } = limits.document;
  const key = ({ file, line, column, code, message }: DocumentProblem): string =>
    `${file}:${line}:${column}:${code}:${message}`;
  const order = ({ file }: DocumentProblem): number => (file === undefined ? -1 : files.indexOf(file));
  const unique = [...new Map(problems.map((problem) => [key(problem), problem])).values()];
  const ordered = unique.sort(
    (a, b) => order(a) - order(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  if (ordered.length <= problemsMax) return ordered;
  const errors = ordered.filter(({ severity }) => severity === "error");
  const shown = (errors.length === 0 ? ordered : errors).slice(0, problemsMax);
  const { severity = "error", line = 1 } = shown.at(-1) ?? {};
  const rest = error("SLV1003", [], `${ordered.length - shown.length} more problems are not shown`);
  return [...shown, { ...rest, severity, line, column: 1, length: 1 }];
}
