/** Where the control plane is and how to speak with it: flags, then the environment, then the local system's state folder. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { LOCAL_SYSTEM_FILE, type LocalSystem, localSystemSchema } from "../shared/wire/runtime-files.ts";
import { CliError, exitCodes } from "./cli-error.ts";

export interface ControlOptions {
  readonly control?: string;
  readonly token?: string;
}

export interface ControlAddress {
  readonly url: string;
  readonly token: string;
  /** How the address was found, and what helps when nothing answers there, for people; absent: nobody has to be told. */
  readonly found?: string;
}

/** @throws CliError that says what to set */
export function findControl(options: ControlOptions, environment: NodeJS.ProcessEnv): ControlAddress {
  const local = readLocal(environment);
  const url = (options.control ?? (environment.SELVAGE_CONTROL_URL || local?.control))?.replace(/\/+$/, "");
  // The local system's token is for the local system alone: it must not travel to another address.
  const localToken = url === local?.control.replace(/\/+$/, "") ? local?.adminToken : undefined;
  const token = options.token ?? (environment.SELVAGE_TOKEN || localToken);
  if (url === undefined)
    throw new CliError(
      exitCodes.unreachable,
      `no control plane: nothing runs on ${stateFolder(environment) ?? "a .selvage folder here or above"}.\nStart one with \`npm start\` or \`selvage serve\`, or give --control URL (SELVAGE_CONTROL_URL).`,
    );
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CliError(exitCodes.usage, `${url} is not an http or https URL`);
  if (token === undefined)
    throw new CliError(exitCodes.usage, `no token for ${url}: give --token, or set SELVAGE_TOKEN`);
  return { url, token, found: howFound(url, options, environment) };
}

function howFound(url: string, { control }: ControlOptions, environment: NodeJS.ProcessEnv): string {
  if (control !== undefined) return `The address is from --control.\nNext: selvage doctor --control ${url}`;
  if (environment.SELVAGE_CONTROL_URL) return "The address is from SELVAGE_CONTROL_URL.\nNext: selvage doctor";
  const state = stateFolder(environment) ?? ".selvage";
  return `The address is that of the local system in ${state}: it has ended without a word, or hangs.\nNext: selvage doctor`;
}

/** SELVAGE_STATE, else the nearest `.selvage` upwards in which a system was started; undefined: none. */
export function stateFolder(environment: NodeJS.ProcessEnv, from: string = process.cwd()): string | undefined {
  if (environment.SELVAGE_STATE) return path.resolve(environment.SELVAGE_STATE);
  for (let folder = from; ; folder = path.dirname(folder)) {
    const state = path.join(folder, ".selvage");
    if (existsSync(path.join(state, LOCAL_SYSTEM_FILE))) return state;
    if (folder === path.dirname(folder)) return undefined;
  }
}

/** What `${env:NAME}` means on the local system where the own environment has no such name. */
export function localEnvironment(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return readLocal(environment)?.environment ?? {};
}

function readLocal(environment: NodeJS.ProcessEnv): LocalSystem | undefined {
  const folder = stateFolder(environment);
  if (folder === undefined) return undefined;
  const file = path.join(folder, LOCAL_SYSTEM_FILE);
  if (!existsSync(file)) return undefined;
  try {
    return localSystemSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (fault) {
    throw new CliError(exitCodes.usage, `${file} cannot be used: ${fault instanceof Error ? fault.message : fault}`);
  }
}
