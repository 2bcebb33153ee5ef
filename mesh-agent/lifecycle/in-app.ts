/** What passes the trace of a request on inside an application; `bin/in-app.cjs` is loaded by its Node, by its environment. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Log } from "../telemetry/log.ts";
import type { RunRole } from "./agent-options.ts";

/** Programs that are no Node and are known by name. */
const OTHERS: readonly string[] = ["bun", "bunx", "deno"];

/** Whether it is loaded, or why it is not. */
export type InApp = { readonly nodeOptions: string } | { readonly trouble: string };

/** NODE_OPTIONS of the application; undefined: as the agent's own. Says in the log why where it cannot be as it was asked. */
export function nodeOptionsOf(
  { command, propagation }: Pick<RunRole, "command" | "propagation">,
  { NODE_OPTIONS }: NodeJS.ProcessEnv,
  log: Pick<Log, "event">,
): string | undefined {
  if (!propagation) return undefined;
  const made = inApp(command, NODE_OPTIONS);
  if ("nodeOptions" in made) return made.nodeOptions;
  log.event("propagation_off", `${made.trouble}: its calls are traced where it passes traceparent on itself`);
  return undefined;
}

/**
 * @param command the application's
 * @param inherited NODE_OPTIONS that the agent was started with
 * @returns what NODE_OPTIONS is to be
 */
export function inApp(command: readonly string[], inherited = ""): InApp {
  const program = basename(command[0] ?? "").replace(/\.exe$/i, "");
  if (OTHERS.includes(program)) return { trouble: `the application runs on ${program}` };
  // Node would not start: it may not read a file that nobody allowed.
  if ([...command, ...inherited.split(/\s+/)].some((option) => /^--(experimental-)?permission$/.test(option)))
    return { trouble: "the application runs under Node's permissions" };
  const file = hookFile();
  if (file === undefined) return { trouble: "bin/in-app.cjs is not beside the agent" };
  // Within double quotes, backslash and quote are escaped.
  const quoted = `--require "${file.replace(/["\\]/g, "\\$&")}"`;
  return { nodeOptions: inherited === "" ? quoted : `${inherited} ${quoted}` };
}

/** Beside the launcher, wherever sources or bundles are. */
function hookFile(): string | undefined {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, "bin", "in-app.cjs");
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}
