/** An API description while it is read: its files, what its references lead to, and what is wrong with it. */
import { limits } from "../../limits.ts";
import { type DocumentProblem, error, type ProblemCode, warning } from "../problem.ts";
import type { Position } from "../read-file.ts";
import { quote } from "../schema-problems.ts";
import { readReference } from "./reference.ts";
import type { SourceFile } from "./source-file.ts";
import { SpecPlace } from "./spec-place.ts";

/** Opens a file by its name from the document's folder, each once. @returns the file, or why there is none */
export type OpenFile = (name: string) => SourceFile | string;

export interface DescriptionRoot {
  readonly file: string;
  /** After its overlays. */
  readonly value: unknown;
  readonly find: SourceFile["find"];
}

type Details = Parameters<typeof error>[3];

export class Description {
  readonly root: SpecPlace;
  /** With places; each once. */
  readonly problems: DocumentProblem[] = [];
  readonly #root: DescriptionRoot;
  readonly #open: OpenFile;
  readonly #told = new Set<string>();

  constructor(root: DescriptionRoot, open: OpenFile) {
    this.root = new SpecPlace(root.file, root.value);
    this.#root = root;
    this.#open = open;
  }

  error(code: ProblemCode, place: SpecPlace, message: string, details: Details = {}): void {
    this.#tell(error(code, place.path, message, details), place);
  }

  warn(code: ProblemCode, place: SpecPlace, message: string, details: Details = {}): void {
    this.#tell(warning(code, place.path, message, details), place);
  }

  /** `line 12 of openapi.yaml`, for messages about two places. */
  where(place: SpecPlace): string {
    const { line, file } = this.position(place, "key");
    return `line ${line} of ${file ?? place.file}`;
  }

  position({ file, path }: SpecPlace, at: "key" | "value"): Position {
    if (file === this.#root.file) return { file, ...this.#root.find(path, at) };
    const opened = this.#open(file);
    return { file, ...(typeof opened === "string" ? { line: 1, column: 1, length: 1 } : opened.find(path, at)) };
  }

  /**
   * What stands at a place, or what its `$ref` leads to.
   * @returns undefined after a problem was told
   */
  follow(place: SpecPlace): SpecPlace | undefined {
    const seen = new Set<string>();
    let at = place;
    for (;;) {
      const ref = at.isMapping ? at.get("$ref") : undefined;
      if (ref === undefined || !ref.exists) return at;
      if (seen.has(at.key) || seen.size >= limits.openapi.refsMax) {
        this.error("SLV3142", place.get("$ref"), "this reference leads to references without end");
        return undefined;
      }
      seen.add(at.key);
      const target = this.target(ref);
      if (target === undefined) return undefined;
      at = target;
    }
  }

  /** What one `$ref` leads to, which may be a reference again; undefined after a problem was told. @param ref its value */
  target(ref: SpecPlace): SpecPlace | undefined {
    const found = this.resolve(ref);
    if (typeof found !== "string") return found;
    this.error("SLV3142", ref, found);
    return undefined;
  }

  /** What one `$ref` leads to, or why it leads nowhere. @param ref its value */
  resolve(ref: SpecPlace): SpecPlace | string {
    if (ref.text === undefined) return "`$ref` is a text such as #/components/schemas/Pet";
    const reference = readReference(ref.text, ref.file);
    if (reference.fault !== undefined) return `${quote(ref.text)} cannot be followed: ${reference.fault}`;
    const top = this.top(reference.file);
    if (typeof top === "string") return `${quote(ref.text)} cannot be followed: ${top}`;
    let target = top;
    for (const step of reference.pointer) target = target.get(Array.isArray(target.value) ? indexOf(step) : step);
    return target.exists ? target : `${quote(ref.text)} leads nowhere`;
  }

  /** The whole of a file, or why there is none. */
  top(file: string): SpecPlace | string {
    if (file === this.root.file) return this.root;
    const opened = this.#open(file);
    if (typeof opened === "string") return opened;
    return opened.value === undefined ? `${file} has problems of its own` : new SpecPlace(file, opened.value);
  }

  #tell(problem: DocumentProblem, place: SpecPlace): void {
    const located = { ...problem, ...this.position(place, problem.at) };
    const key = `${located.file}:${located.line}:${located.column}:${located.code}:${located.message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.problems.push(located);
  }
}

const indexOf = (step: string): number => (/^(?:0|[1-9]\d{0,8})$/.test(step) ? Number(step) : -1);
