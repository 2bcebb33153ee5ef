/** Looks at the files that a document names as its code: the part of `check` that needs them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { codeIn, type NamedCode } from "../../shared/config/check-code.ts";
import { Cursor } from "../../shared/config/cursor.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { type DocumentProblem, error, warning } from "../../shared/config/problem.ts";
import type { Document } from "../../shared/config/schema.ts";
import { documentFolder, FileFault } from "../artifacts/document-folder.ts";
import { CodeFault, NoBundler } from "./bundle-code.ts";
import { NotTried, type TriedCode, tryCode } from "./try-code.ts";

/** The code that a document names, and where it is. */
export interface CodeSource {
  /** Of the document, absolute. */
  readonly folder: string;
  /** As the document names them, each once. */
  readonly files: readonly string[];
}

/** @param name path of the document's file */
export function codeSource(document: Document, name: string): CodeSource {
  return { folder: path.dirname(path.resolve(name)), files: [...new Set(usesOf(document).map(({ file }) => file))] };
}

/** @param name path of the document's file; `-` for stdin */
export function codeProblems(document: Document, name: string): DocumentProblem[] {
  const uses = usesOf(document);
  const [first] = uses;
  if (first === undefined) return [];
  if (name === "-") {
    const message = "code is found beside the document, and this one came on stdin: nobody has looked at it";
    return [warning("SLV3159", first.place.path, message)];
  }
  const { folder, files } = codeSource(document, name);
  const read = documentFolder(name);
  return files.flatMap((file) => {
    const here = uses.filter((use) => use.file === file);
    const { message, ...details } = missing(read, folder, file) ?? {};
    if (message === undefined) return problemsOf(folder, file, here);
    return here.map(({ place }) => error("SLV3155", place.path, message, details));
  });
}

function usesOf(document: Document): NamedCode[] {
  return new Cursor(document).get("gateway", "routes").items.flatMap(codeIn);
}

/** @returns undefined: it can be read */
function missing(read: (file: string) => unknown, folder: string, file: string): Missing | undefined {
  try {
    read(file);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof FileFault)) throw fault;
    const beside = path.posix.dirname(file);
    const near = nearestName(path.posix.basename(file), namesIn(path.join(folder, beside)));
    return { message: fault.message, ...(near !== undefined && { suggestion: path.posix.join(beside, near) }) };
  }
}

interface Missing {
  readonly message: string;
  readonly suggestion?: string;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function problemsOf(folder: string, file: string, uses: readonly NamedCode[]): DocumentProblem[] {
  try {
    const tried = tryCode(
      folder,
      file,
      uses.map(({ settings }) => settings.value ?? {}),
    );
    return uses.flatMap((use, at) => problemsOfUse(use, tried, tried.issues[at] ?? []));
  } catch (cause) {
    if (cause instanceof CodeFault)
      return uses.map(({ place }) => error("SLV3155", place.path, `${file} cannot be built: ${cause.message}`));
    if (!(cause instanceof NoBundler) && !(cause instanceof NotTried)) throw cause;
    const why =
      cause instanceof NoBundler ? cause.message : `${file} does not run outside of the gateway: ${cause.message}`;
    return uses.map(({ place }) => warning("SLV3159", place.path, `${why}; nobody has looked at its settings`));
  }
}

const FOUND: Readonly<Record<TriedCode["kind"], string>> = {
  none: "has no default export",
  other: "has a default export that is no function",
  function: "has a function without `defineHandler`",
  policy: "is a policy",
  handler: "is a handler",
};

function problemsOfUse(
  { kind, file, place, settings }: NamedCode,
  tried: TriedCode,
  issues: TriedCode["issues"][number],
): DocumentProblem[] {
  // Hono's own middleware has no mark.
  if (tried.kind !== kind && !(kind === "policy" && tried.kind === "function")) {
    const expected = `export default ${kind === "policy" ? "definePolicy" : "defineHandler"}(...)`;
    return [error("SLV3156", place.path, `${file} ${FOUND[tried.kind]}, and is named as a ${kind}`, { expected })];
  }
  const whole = settings.exists ? settings.path : place.path;
  return issues.map(({ message, path: inside }) => {
    const at = settings.get(...inside);
    const path = at.exists ? at.path : whole;
    const where = inside.length === 0 ? "" : `\`${inside.join(".")}\`: `;
    return error("SLV3157", path, `${file} does not take its settings: ${where}${message}`);
  });
}
