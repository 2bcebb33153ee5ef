/** Reads a document from a file (or stdin as `-`) and says everything that is wrong with it. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { checkContractPaths } from "../shared/config/check-contract-paths.ts";
import { checkDeep } from "../shared/config/check-deep.ts";
import { codeFrame, fixOf } from "../shared/config/code-frame.ts";
import { splitFiles } from "../shared/config/document-files.ts";
import { type Ignored, ignoresIn, unusedIgnores, withoutIgnored } from "../shared/config/ignores.ts";
import { type LoadedDocument, loadDocument } from "../shared/config/load.ts";
import { placeName } from "../shared/config/place-name.ts";
import { type DocumentProblem, type ProblemCode, problemCodes } from "../shared/config/problem.ts";
import type { Document } from "../shared/config/schema.ts";
import { limits } from "../shared/limits.ts";
import { type Artifacts, buildArtifacts, noArtifacts } from "./artifacts/build-artifacts.ts";
import { builders } from "./artifacts/builders.ts";
import { contractsByName } from "./artifacts/contracts-by-name.ts";
import { documentFolder } from "./artifacts/document-folder.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { codeProblems } from "./code/check-code.ts";
import { localEnvironment } from "./find-system.ts";
import { withIncluded } from "./included-files.ts";
import { framePaint, say } from "./output.ts";
import { findSecrets } from "./secrets.ts";

export interface LoadedFile extends LoadedDocument {
  readonly source: string;
  /** As a person would write it: relative where that is shorter. */
  readonly file: string;
  /** Warnings that the document itself says are meant; absent: none. */
  readonly ignored?: readonly Ignored<DocumentProblem>[];
}

export interface ReadDocument extends LoadedFile {
  /** What the document needs beside its plan; nothing where the document itself is not valid. */
  readonly artifacts: Artifacts;
  /** Of those beside it that were asked for, whether they are there or not; relative to its folder. */
  readonly beside: readonly string[];
}

/**
 * Reads a document with the files that it includes, makes what it needs beside its plan, and looks at its code.
 * @param quarantine put broken routes of included files out of service instead of refusing the document
 * @throws CliError when a file cannot be read
 */
export async function readDocument(
  name: string,
  environment: NodeJS.ProcessEnv,
  quarantine = false,
): Promise<ReadDocument> {
  const read = loadFile(name, environment, quarantine);
  const { document } = read;
  if (document === undefined) return { ...read, artifacts: noArtifacts, beside: [] };
  const readFile = documentFolder(name);
  const beside = new Set<string>();
  const readNoted = (file: string): Uint8Array => readFile(beside.add(file) && file);
  const artifacts = await buildArtifacts(document, readNoted, builders);
  const found = [
    ...artifacts.problems,
    ...(await transcodedProblems(document, artifacts)),
    ...checkContractPaths(document, contractsByName(artifacts)),
    ...codeProblems(document, name),
    ...checkDeep(document),
  ];
  return { ...withProblems(read, found), artifacts, beside: [...beside] };
}

/** What looks into descriptors is loaded where there are some. */
async function transcodedProblems(document: Document, artifacts: Artifacts): Promise<DocumentProblem[]> {
  if (!Object.keys(artifacts.table).some((name) => name.startsWith("descriptors."))) return [];
  return (await import("./artifacts/check-transcoded.ts")).checkTranscoded(document, artifacts);
}

/** The same as it stands, without a look at other files than those with routes. */
export function loadFile(name: string, environment: NodeJS.ProcessEnv, quarantine = false): LoadedFile {
  const source = readSource(name);
  const relative = path.relative(process.cwd(), path.resolve(name));
  const file = name === "-" ? "stdin" : relative.startsWith("..") ? path.resolve(name) : relative;
  const local = localEnvironment(environment);
  const value = (variable: string): string | undefined => environment[variable] ?? local[variable];
  return { ...loadDocument(source, file, value, findSecrets(environment), quarantine), source, file };
}

function withProblems(loaded: LoadedFile, found: readonly DocumentProblem[]): LoadedFile {
  const place = (problem: DocumentProblem): DocumentProblem =>
    problem.file === undefined ? { ...problem, ...loaded.positions.find(problem.path, problem.at) } : problem;
  const { document, ...rest } = { ...loaded, problems: [...loaded.problems, ...found.map(place)] };
  if (found.some(({ severity }) => severity === "error") || document === undefined) return rest;
  const { kept, ignored, unused } = withoutIgnored(rest.problems, ignoresIn(document), ({ path: at }) =>
    placeName(document, at),
  );
  return { ...rest, document, problems: [...kept, ...unusedIgnores(unused).map(place)], ignored };
}

/** The text of a document with the files that it includes. @throws CliError when a file cannot be read */
export function readSource(name: string): string {
  return withIncluded(readText(name), name, readText);
}

/**
 * The document, after its warnings were said.
 * @param unsaid problems that the caller tells of itself
 * @throws CliError (exit 2) after all its problems were said
 */
export async function readValidDocument(
  name: string,
  environment: NodeJS.ProcessEnv,
  quarantine = false,
  unsaid?: ProblemCode,
): Promise<ReadDocument & { document: Document }> {
  const read = await readDocument(name, environment, quarantine);
  sayProblems({ ...read, problems: read.problems.filter(({ code }) => code !== unsaid) });
  const { document } = read;
  if (document === undefined)
    throw new CliError(exitCodes.usage, `${read.file} is not valid: ${countProblems(read)}. Nothing was done.`);
  return { ...read, document };
}

/** Every problem as a code frame on stderr. */
export function sayProblems({ problems, source, file, artifacts }: ReadDocument): void {
  const texts = new Map([...artifacts.texts, ...splitFiles(source).map(({ name, text }) => [name, text] as const)]);
  const paint = framePaint(process.stderr);
  for (const problem of problems)
    say(`${codeFrame(problem, texts.get(problem.file ?? "") ?? "", fileName(file, problem.file), paint)}\n`);
}

/** An included file as a person would write it. @param included as the document finds it; absent: the document itself */
export function fileName(file: string, included: string | undefined): string {
  return included === undefined ? file : path.join(path.dirname(file), included);
}

/** `2 errors, 1 warning` */
export function countProblems({ problems }: Pick<ReadDocument, "problems">): string {
  const count = (severity: "error" | "warning"): string => {
    const found = problems.filter((problem) => problem.severity === severity).length;
    return `${found} ${severity}${found === 1 ? "" : "s"}`;
  };
  return `${count("error")}, ${count("warning")}`;
}

/** Problems for programs. */
export function problemsAsJson({ problems, file, document }: ReadDocument): unknown[] {
  return problems.map((problem) => ({
    ...problem,
    file: fileName(file, problem.file),
    place: placeName(document, problem.path),
    fix: fixOf(problem),
    meaning: problemCodes[problem.code],
  }));
}

function readText(name: string): string {
  try {
    if (name !== "-" && statSync(name).size > limits.control.documentBytesMax)
      throw new CliError(exitCodes.usage, `${name} is larger than ${limits.control.documentBytesMax} bytes`);
    const bytes = readFileSync(name === "-" ? 0 : name);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (fault) {
    if (fault instanceof CliError) throw fault;
    if (fault instanceof TypeError) throw new CliError(exitCodes.usage, `${name} is not UTF-8 text`);
    const { code, message } = fault as NodeJS.ErrnoException;
    throw new CliError(
      exitCodes.usage,
      code === "ENOENT" ? `there is no file ${name}` : `${name} cannot be read: ${message}`,
    );
  }
}
