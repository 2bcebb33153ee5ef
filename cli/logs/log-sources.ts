/** Whose logs there are, and which of them are meant. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type ControlOptions, stateFolder } from "../find-system.ts";
import { readLocalSystem, readProcesses } from "../local/read-system.ts";

export interface LogSource {
  readonly process: string;
  readonly file: string;
}

/**
 * @param names of processes, services or instances; none: all
 * @throws CliError when there are none here, or a name is none of theirs
 */
export function logSources(names: readonly string[], options: ControlOptions): LogSource[] {
  const state = localState(options);
  const folder = path.join(state, "logs");
  const processes = processesIn(folder);
  if (processes.length === 0) throw new CliError(exitCodes.unreachable, `nothing has run on ${state} yet: npm start`);
  const services = new Map(readProcesses(state).map(({ name, service }) => [name, service]));
  const isMeant = (process: string, name: string): boolean =>
    process === name || `${services.get(process)}/${process}` === name || isOfService(process, name);
  // `gateway` is the process of that name, and not the ingress, whose service it is.
  const isOfService = (process: string, name: string): boolean =>
    services.get(process) === name && !processes.includes(name);
  for (const name of names) {
    if (processes.some((process) => isMeant(process, name))) continue;
    const near = nearestName(name, [...processes, ...services.values()]);
    const hint = near === undefined ? `there are ${processes.join(", ")}` : `did you mean ${near}?`;
    throw new CliError(exitCodes.usage, `nothing here is called ${name}: ${hint}`);
  }
  return processes
    .filter((process) => names.length === 0 || names.some((name) => isMeant(process, name)))
    .map((process) => ({ process, file: path.join(folder, `${process}.log`) }));
}

function processesIn(folder: string): string[] {
  try {
    const files = readdirSync(folder);
    return files.flatMap((file) => /^(.+)\.log$/.exec(file)?.[1] ?? []).sort();
  } catch {
    return [];
  }
}

/** The logs of a local system are files of its folder; those of a deployed one are with what runs it. */
function localState({ control }: ControlOptions): string {
  const state = stateFolder(process.env) ?? endedHere();
  const named = (control ?? process.env.SELVAGE_CONTROL_URL ?? "").replace(/\/+$/, "");
  const local = state && readLocalSystem(state)?.control.replace(/\/+$/, "");
  if (named !== "" && named !== local)
    throw new CliError(exitCodes.usage, `${named} is not the local system.\n${DEPLOYED}`);
  if (state !== undefined) return state;
  const start = "Start one with `npm start`, or name its folder: SELVAGE_STATE.";
  throw new CliError(
    exitCodes.unreachable,
    `no local system: there is no .selvage folder here or above. ${start}\n${DEPLOYED}`,
  );
}

/** Of a system that does not run any more, which may be why somebody asks. */
function endedHere(): string | undefined {
  const state = path.resolve(".selvage");
  return existsSync(path.join(state, "logs")) ? state : undefined;
}

const DEPLOYED = `The logs of a deployed system are kept by what runs it:
  gateway, control plane  npx wrangler tail NAME   (as wrangler.toml names the Worker)
  agents                  what their platform keeps of stdout: kubectl logs, docker logs, journalctl
What requests do, everywhere and live: selvage tap`;
