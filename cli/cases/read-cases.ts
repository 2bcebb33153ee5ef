/** Reads a test file with its document, and says everything that is wrong with either. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { codeFrame } from "../../shared/config/code-frame.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { type DocumentProblem, error, type Path } from "../../shared/config/problem.ts";
import { ReadFile } from "../../shared/config/read-file.ts";
import type { Document } from "../../shared/config/schema.ts";
import { quote, schemaProblems } from "../../shared/config/schema-problems.ts";
import { dev } from "../../shared/limits/dev.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { requestOf } from "../explain-request.ts";
import { framePaint, say } from "../output.ts";
import { type ReadDocument, readValidDocument } from "../read-document.ts";
import { optionsOf } from "./case-request.ts";
import { type CallCase, type RequestCase, type TestCase, type TestFile, testFileSchema } from "./case-schema.ts";

export interface ReadCases {
  /** As it was given. */
  readonly file: string;
  readonly cases: readonly TestCase[];
  readonly document: ReadDocument & { readonly document: Document };
  /** Of the test file. */
  find(path: Path, at?: "key" | "value"): { readonly line: number; readonly column: number };
}

/** @throws CliError (exit 2) after all problems were said */
export async function readCases(file: string, environment: NodeJS.ProcessEnv): Promise<ReadCases> {
  const text = textOf(file);
  const read = new ReadFile(undefined, text, (name) => environment[name]);
  const found = [...read.syntax, ...read.problems];
  const ofForm = found.length === 0 ? schemaProblems(testFileSchema, read.value) : [];
  refuse([...found, ...ofForm], read, text, file);
  const { document: name = "selvage.yaml", cases } = read.value as TestFile;
  const document = await readValidDocument(path.join(path.dirname(file), name), environment);
  refuse(caseProblems(cases, document.document), read, text, file);
  return { file, cases, document, find: (at, part) => read.find(at, part) };
}

function refuse(problems: readonly DocumentProblem[], read: ReadFile, text: string, file: string): void {
  const paint = framePaint(process.stderr);
  for (const problem of problems) {
    const placed = problem.line === undefined ? { ...problem, ...read.find(problem.path, problem.at) } : problem;
    say(`${codeFrame(placed, text, file, paint)}\n`);
  }
  const { length } = problems;
  if (length > 0) throw new CliError(exitCodes.usage, `${file} has ${length} ${length === 1 ? "error" : "errors"}`);
}

function textOf(file: string): string {
  try {
    if (statSync(file).size > dev.testFileBytesMax)
      throw new CliError(exitCodes.usage, `${file} is larger than ${dev.testFileBytesMax} bytes`);
    return readFileSync(file, "utf8");
  } catch (fault) {
    if (fault instanceof CliError) throw fault;
    const { code, message } = fault as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read: ${message}`;
    throw new CliError(exitCodes.usage, `${why}. selvage init writes one`);
  }
}

/** What cannot be judged, or never come true. */
export function caseProblems(cases: readonly TestCase[], document: Document): DocumentProblem[] {
  const seen = new Map<string, number>();
  return cases.flatMap((one, index) => {
    const at = ["cases", index];
    const first = seen.get(one.name);
    seen.set(one.name, first ?? index);
    const twice =
      first === undefined ? [] : [error("SLV3006", [...at, "name"], `the name ${quote(one.name)} is used twice`)];
    return [...twice, ...("call" in one ? callProblems(one, at, document) : requestProblems(one, at, document))];
  });
}

function callProblems({ call }: CallCase, at: Path, document: Document): DocumentProblem[] {
  const services = Object.keys(document.mesh?.services ?? {});
  return [
    ...unknown("service", call.from, [...services, "gateway"], [...at, "call", "from"]),
    ...unknown("service", call.to, services, [...at, "call", "to"]),
  ];
}

function requestProblems(one: RequestCase, at: Path, document: Document): DocumentProblem[] {
  const { expect, request } = one;
  const place = [...at, "expect"];
  const routes = (document.gateway?.routes ?? []).map(({ name }) => name);
  const services = Object.keys(document.mesh?.services ?? {});
  const problems = [
    ...(typeof expect.route === "string" ? unknown("route", expect.route, routes, [...place, "route"]) : []),
    ...Object.keys(expect.access ?? {}).flatMap((name) =>
      unknown("service", name, services, [...place, "access", name]),
    ),
  ];
  if (Object.keys(expect).length === 0)
    problems.push(error("SLV3228", place, "the case expects nothing: it could not fail", { at: "key" }));
  if (expect.denied !== undefined && Object.keys(expect.denied).length === 0)
    problems.push(error("SLV3228", [...place, "denied"], "say by which stage, code or reason", { at: "key" }));
  const { outcome, denied, upstream, status } = expect;
  const refused = outcome === "refuse" || denied !== undefined;
  if (denied !== undefined && outcome !== undefined && outcome !== "refuse")
    problems.push(error("SLV3229", [...place, "denied"], `what is denied has the outcome refuse, not ${outcome}`));
  if (refused && upstream !== undefined)
    problems.push(
      error("SLV3229", [...place, "upstream"], "of what is refused no upstream sees anything", { at: "key" }),
    );
  if (refused && status !== undefined && status < 400)
    problems.push(error("SLV3229", [...place, "status"], `nothing is refused with ${status}`));
  if (request.as === undefined && (request.scopes ?? request.claims) !== undefined)
    problems.push(
      error("SLV3231", [...at, "request"], "`scopes` and `claims` are those of somebody: say whose by `as`", {
        at: "key",
      }),
    );
  return [...problems, ...notARequest(one, at)];
}

function notARequest({ request }: RequestCase, at: Path): DocumentProblem[] {
  try {
    requestOf(request.method ?? "GET", request.url, optionsOf({ ...request, as: request.as ?? "nobody" }), "localhost");
    return [];
  } catch (fault) {
    if (!(fault instanceof CliError)) throw fault;
    return [error("SLV3231", [...at, "request", "url"], fault.message, { at: "value" })];
  }
}

function unknown(what: string, name: string, known: readonly string[], path: Path): DocumentProblem[] {
  if (known.includes(name)) return [];
  const suggestion = nearestName(name, known);
  return [
    error("SLV3230", path, `the document has no ${what} ${quote(name)}`, {
      ...(known.length > 0 && { expected: `one of ${known.join(", ")}` }),
      ...(suggestion !== undefined && { suggestion }),
    }),
  ];
}
