/** What a system serves when it starts: the document that is live already, or the one that it is given. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { loadDocument } from "../../shared/config/load.ts";
import type { ApplyAnswer } from "../../shared/wire/admin.ts";
import type { ControlApi } from "./control-api.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Applies a document from a file.
 * @param environment what `${env:}` references are replaced from
 * @param author who is written down for it
 * @throws Error with every problem of the document, each with its line and column
 */
export async function applyDocument(
  api: ControlApi,
  file: string,
  environment: Environment,
  author: string,
): Promise<ApplyAnswer> {
  return applySource(api, readFileSync(file, "utf8"), shortPath(file), environment, author);
}

/**
 * Applies the live version's own text again, for its `${env:}` references may mean something else by now. Nothing
 * changes when they do not. A text that does not load any more leaves the live version as it is.
 * @returns whether anything is live
 */
export async function reapplyLive(
  api: ControlApi,
  environment: Environment,
  say: (line: string) => void,
): Promise<boolean> {
  const live = await api.live();
  if (live === undefined) return false;
  try {
    const answer = await applySource(api, live.source, live.file, environment, live.author);
    if (answer.changed) say(`version ${answer.version} replaces ${live.version}: the environment has changed`);
  } catch (error) {
    say(`version ${live.version} stays live as it is: ${error instanceof Error ? error.message : String(error)}`);
  }
  return true;
}

/** As a person would write it: relative where that is shorter than climbing out of the folder. */
function shortPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? path.resolve(file) : relative;
}

async function applySource(
  api: ControlApi,
  source: string,
  file: string,
  environment: Environment,
  author: string,
): Promise<ApplyAnswer> {
  const { document, problems } = loadDocument(source, file, (name) => environment[name]);
  if (document === undefined) {
    const errors = problems.filter(({ severity }) => severity === "error");
    throw new Error(errors.map(({ line, column, message }) => `${file}:${line}:${column} ${message}`).join("\n"));
  }
  return api.apply({ document, source, file, author });
}
