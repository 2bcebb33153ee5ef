/** Where the CLI looks for `${secret:NAME}`: the environment and the state folder's file. Values are never shown. */
import path from "node:path";
import type { Secrets } from "../shared/config/references.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { stateFolder } from "./find-system.ts";
import { documentSecrets } from "./local/state-folder.ts";

/** @throws CliError when the file can be read by others or a line of it is malformed */
export function findSecrets(environment: NodeJS.ProcessEnv): Secrets {
  const state = stateFolder(environment) ?? path.resolve(".selvage");
  try {
    const found = new Map(Object.entries(documentSecrets(state, environment)));
    const file = path.relative(process.cwd(), path.join(state, "secrets"));
    return {
      has: (name) => found.has(`SECRET_${name}`),
      bytes: (name) => {
        const value = found.get(`SECRET_${name}`);
        return value === undefined ? undefined : Buffer.byteLength(value);
      },
      lookedIn: `the environment (SECRET_<NAME>) and ${file} (NAME=value)`,
    };
  } catch (fault) {
    throw new CliError(exitCodes.usage, fault instanceof Error ? fault.message : String(fault));
  }
}
