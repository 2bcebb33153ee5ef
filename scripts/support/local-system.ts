import { isAlive } from "../../cli/local/process-info.ts";
import { readLocalSystem, readProcesses } from "../../cli/local/read-system.ts";
import { stateFolderOf } from "../../cli/local/state-folder.ts";
import type { LocalSystem, ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { ExitError } from "./program.ts";

/** The running local system. @throws ExitError 3 when there is none */
export function requireLocalSystem(): { state: string; local: LocalSystem } {
  const state = stateFolderOf();
  const local = readLocalSystem(state);
  if (local === undefined) throw notRunning(state);
  return { state, local };
}

/** A process of the running local system by its role. @throws ExitError 3 when it does not run */
export function requireProcess(role: ProcessEntry["role"]): { state: string; entry: ProcessEntry } {
  const state = stateFolderOf();
  const entry = readProcesses(state).find((candidate) => candidate.role === role);
  if (entry === undefined || !isAlive(entry.pid)) throw notRunning(state);
  return { state, entry };
}

function notRunning(state: string): ExitError {
  return new ExitError(3, `no local system runs on ${state}; start it with: npm start`);
}
