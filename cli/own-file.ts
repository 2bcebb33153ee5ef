/** An owner's file that is applied alone: the rest is the live version's. */
import path from "node:path";
import { codeFrame } from "../shared/config/code-frame.ts";
import { fitsGlob, splitFiles } from "../shared/config/document-files.ts";
import { withOwnFile } from "../shared/config/own-file.ts";
import { formatPath } from "../shared/config/problem.ts";
import { ReadFile } from "../shared/config/read-file.ts";
import type { Document } from "../shared/config/schema.ts";
import type { VersionDetail } from "../shared/wire/admin.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { includePatterns } from "./included-files.ts";
import type { NextVersion } from "./next-version.ts";
import { framePaint, say } from "./output.ts";

/** Whether a text is a file of an owner, and no document. */
export function isOwnFile(text: string): boolean {
  const value = new ReadFile(undefined, text).value ?? {};
  return Object.hasOwn(value, "owner") && !Object.hasOwn(value, "selvage");
}

/** @throws CliError after all problems of the file were said */
export function nextOfOwnFile(given: string, text: string, live: VersionDetail | undefined): NextVersion {
  if (live === undefined) throw new CliError(exitCodes.usage, `nothing is live that ${given} could be a part of`);
  const name = nameIn(live, path.resolve(given));
  const { loaded, document, source, find } = withOwnFile(
    { source: live.source, document: live.document as Document },
    { name, text },
  );
  for (const problem of loaded.problems) {
    if (problem.file === name)
      say(`${codeFrame({ ...problem, file: given }, text, given, framePaint(process.stderr))}\n`);
    else if (problem.severity === "error")
      say(`error[${problem.code}] ${problem.message}\n  at ${formatPath(problem.path)} of version ${live.version}\n`);
  }
  if (document === undefined || source === undefined)
    throw new CliError(exitCodes.usage, `${given} is not valid with version ${live.version}. Nothing was done.`);
  return {
    document,
    source,
    file: live.file,
    table: live.artifacts ?? {},
    quarantined: [],
    place: (at) => {
      const found = find(at);
      return found === undefined
        ? `version ${live.version}, ${formatPath(at)}`
        : `${given}:${found.line}:${found.column}`;
    },
  };
}

/** The name by which the live version includes a file. @throws CliError when it does not */
function nameIn(live: VersionDetail, file: string): string {
  const steps = file.split(path.sep);
  const tails = steps.map((_, at) => steps.slice(at).join("/"));
  const [main, ...included] = splitFiles(live.source);
  const names = new Set(included.map(({ name }) => name));
  const patterns = includePatterns(main?.text ?? "");
  const name =
    tails.find((tail) => names.has(tail)) ?? tails.find((tail) => patterns.some((pattern) => fitsGlob(pattern, tail)));
  if (name !== undefined) return name;
  const found = patterns.length === 0 ? "it includes no files" : `it includes ${patterns.join(", ")}`;
  throw new CliError(exitCodes.usage, `${file} is no file of version ${live.version}: ${found}`);
}
