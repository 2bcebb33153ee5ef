/** How other programs find the local system: through the files of its state folder. */
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  LOCAL_SYSTEM_FILE,
  type LocalSystem,
  localSystemSchema,
  PROCESSES_FILE,
  type ProcessEntry,
} from "../../shared/wire/runtime-files.ts";

/** @returns undefined when no system runs on this state folder */
export function readLocalSystem(state: string): LocalSystem | undefined {
  const content = readJson(path.join(state, LOCAL_SYSTEM_FILE));
  return content === undefined ? undefined : localSystemSchema.parse(content);
}

/** Every process of the local system; empty when none runs. */
export function readProcesses(state: string): ProcessEntry[] {
  return (readJson(path.join(state, PROCESSES_FILE)) ?? []) as ProcessEntry[];
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
