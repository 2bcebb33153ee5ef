/** The state folder of the local system: who can read it, and what a system that died left behind. */
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { readLocalSystem } from "../local/read-system.ts";
import { systemPid } from "../local/state-folder.ts";
import { supervisedPids } from "../local/supervisor.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** @returns whether a system runs on it */
export function isRunning(state: string | undefined): boolean {
  return state !== undefined && systemPid(state) !== undefined;
}

/** @param state undefined: there is none */
export function checkState(state: string | undefined): Finding[] {
  if (state === undefined || !existsSync(state))
    return [ok("state", "no .selvage folder here or above: nothing was started yet")];
  return [...checkRights(state), ...checkLeftovers(state)];
}

function checkRights(state: string): Finding[] {
  if (process.platform === "win32") return [];
  const shown = path.relative(process.cwd(), state) || state;
  const open = ["", ...readdirSync(state)].filter((name) => isOpen(path.join(state, name), name === ""));
  if (open.length === 0) return [ok("state", `${shown} can be read by its owner alone`)];
  const names = open.map((name) => path.join(shown, name));
  return [fail("state", `others can read ${names.join(", ")}`, `chmod -R go-rwx ${shown}`)];
}

/** What lies in a closed folder is closed; keys are not, wherever they lie. */
function isOpen(file: string, isFolder: boolean): boolean {
  const isSecret = isFolder || ["keys.json", "local.json", "secrets"].includes(path.basename(file));
  return isSecret && (statSync(file).mode & 0o077) !== 0;
}

function checkLeftovers(state: string): Finding[] {
  if (systemPid(state) !== undefined) return [ok("leftovers", "none: the local system runs")];
  const left = supervisedPids(state);
  if (left.length > 0)
    return [
      fail(
        "leftovers",
        `the local system has ended, and ${left.length} of its processes have not`,
        `start it again, which ends them, or: kill ${left.join(" ")}`,
      ),
    ];
  if (hasAddress(state))
    return [
      warn(
        "leftovers",
        "the local system ended without putting its address away, so that commands look for it",
        "start it again (npm start, or selvage serve), or remove local.json from the folder",
      ),
    ];
  return [ok("leftovers", "none")];
}

function hasAddress(state: string): boolean {
  try {
    return readLocalSystem(state) !== undefined;
  } catch {
    return true;
  }
}
