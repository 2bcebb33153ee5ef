/** One file of a document: its text, its value, and where each part of it stands. */
import { parseDocument, type YAMLError } from "yaml";
import { LineTable } from "./line-table.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import { type Environment, type FoundProblem, type Place, readYaml, type ValueBounds } from "./yaml-value.ts";

/** Where something stands in the text, from 1; `length` counts characters on that line. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  /** The included file; absent: the document itself. */
  readonly file?: string;
}

export class ReadFile {
  /** Absent: the document itself. */
  readonly name: string | undefined;
  readonly value: unknown;
  /** False: the value is too large to be looked at, or there is none. */
  readonly complete: boolean;
  /** Faults of YAML, with their places. After the first the value is a guess. */
  readonly syntax: readonly DocumentProblem[] = [];
  /** What cannot be a value, with their places; paths begin at the top of this file. */
  readonly problems: readonly DocumentProblem[] = [];
  readonly #text: string;
  readonly #lines: LineTable;
  readonly #root: Place | undefined;

  /** @param env environment variables by name; absent: the file has no references to them */
  constructor(name: string | undefined, text: string, env?: Environment, bounds?: ValueBounds) {
    this.name = name;
    this.#text = text;
    this.#lines = new LineTable(text);
    const tree = parse(text);
    if (tree === undefined) {
      this.complete = false;
      this.syntax = [this.#at(TOO_DEEP, 0, 1)];
      return;
    }
    const yaml = readYaml(tree.contents, text, env, bounds);
    this.value = yaml.value;
    this.complete = yaml.complete;
    this.#root = yaml.place;
    this.syntax = tree.errors.map((fault) => this.#at(syntaxProblem(fault), ...fault.pos));
    this.problems = yaml.problems.map((problem) => this.#locate(problem));
  }

  /** The nearest enclosing place when the path itself is not in the text. */
  find(path: Path, at: "key" | "value" = "value"): Position {
    let place = this.#root;
    for (const [depth, step] of path.entries()) {
      const child = place?.children?.get(step);
      if (child === undefined) return this.#rangeOf(place, depth === 0 ? "value" : "key");
      place = child;
    }
    return this.#rangeOf(place, at);
  }

  #locate({ range, ...problem }: FoundProblem): DocumentProblem {
    return range === undefined ? { ...problem, ...this.find(problem.path, problem.at) } : this.#at(problem, ...range);
  }

  #rangeOf(place: Place | undefined, at: "key" | "value"): Position {
    if (place === undefined) return { line: 1, column: 1, length: 1, ...this.#file };
    const [start, end] = (at === "key" ? place.key : undefined) ?? place.value;
    return this.#position(start, end);
  }

  #at(problem: DocumentProblem, start: number, end: number): DocumentProblem {
    return { ...problem, ...this.#position(start, end) };
  }

  #position(start: number, end: number): Position {
    const { line, column } = this.#lines.at(start);
    const newline = this.#text.indexOf("\n", start);
    const lineEnd = newline < 0 ? this.#text.length : newline;
    return { line, column, length: Math.max(1, Math.min(end, lineEnd) - start), ...this.#file };
  }

  get #file(): { file?: string } {
    return this.name === undefined ? {} : { file: this.name };
  }
}

const TOO_DEEP = error("SLV1003", [], "the document is nested too deeply to be read");

function parse(text: string) {
  try {
    return parseDocument(text, { prettyErrors: false, uniqueKeys: false });
  } catch (fault) {
    if (!(fault instanceof RangeError)) throw fault;
    return undefined;
  }
}

function syntaxProblem(fault: YAMLError): DocumentProblem {
  const message = fault.message.replace(/\.$/, "");
  if (message.startsWith("Maximum call stack")) return TOO_DEEP;
  return error("SLV1001", [], `this is not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`);
}
