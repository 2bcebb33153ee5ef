/** Variables and secrets of `selvage dev` from a file beside the document, as users of wrangler know it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";

const FILES = [".dev.vars", ".env"];

export interface LocalVariables {
  /** Where they stand, absolute. */
  readonly file: string;
  readonly values: Readonly<Record<string, string>>;
}

/** The first of `.dev.vars` and `.env` that is there. @param folder of the document */
export function readLocalVariables(folder: string): LocalVariables | undefined {
  const file = variableFiles(folder).find((one) => existsSync(one));
  if (file === undefined) return undefined;
  const values = parseEnv(readFileSync(file, "utf8"));
  return { file, values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? ""])) };
}

/** Where they may stand, absolute. */
export function variableFiles(folder: string): string[] {
  return FILES.map((name) => path.join(folder, name));
}

/**
 * `NAME=value` is what `${env:NAME}` and `${secret:NAME}` mean; what the environment says itself goes before it.
 * @param before what this gave the environment the last time, which it may take back
 * @returns what it gave now
 */
export function useVariables(
  values: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  for (const [name, value] of before) if (environment[name] === value) delete environment[name];
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(values))
    for (const variable of [name, `SECRET_${name}`]) {
      if (environment[variable] !== undefined) continue;
      environment[variable] = value;
      given.set(variable, value);
    }
  return given;
}

/** Whether git would take the file along with the next commit; false where there is no git to ask. */
export function isTracked(file: string): boolean {
  const { status } = spawnSync("git", ["check-ignore", "-q", file], { cwd: path.dirname(file), stdio: "ignore" });
  return status === 1;
}
