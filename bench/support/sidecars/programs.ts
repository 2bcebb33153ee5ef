/** Processes of a comparison of proxies: started where they are wanted, each on its own core, and ended together. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepts } from "../accepts.ts";

/** Proxies share one core, as a pair on a small node does; load and application have the other. */
export type Core = "proxies" | "others";

const STARTED_WITHIN_MS = 10_000;

/** @param variable of the environment, which may name it @returns where a program is; undefined: not installed */
export function findProgram(name: string, variable: string): string | undefined {
  const named = process.env[variable];
  if (named !== undefined) return named;
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/bin"];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

const taskset = availableParallelism() > 1 ? findProgram("taskset", "TASKSET") : undefined;

/** A command line that keeps a program on its core, where the machine has more than one. */
export function onCore(core: Core, command: string, args: readonly string[]): { command: string; args: string[] } {
  if (taskset === undefined) return { command, args: [...args] };
  return { command: taskset, args: ["-c", core === "proxies" ? "0" : "1", command, ...args] };
}

export class Programs {
  readonly #children: ChildProcess[] = [];

  /** Starts a program and waits until it accepts connections. @returns its process id @throws Error when it does not */
  async start(core: Core, program: string, args: readonly string[], port: number, env: object = {}): Promise<number> {
    const { command, args: all } = onCore(core, program, args);
    const child = spawn(command, all, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] });
    this.#children.push(child);
    child.on("error", () => undefined);
    for (const end = Date.now() + STARTED_WITHIN_MS; !(await accepts(port)); await sleep(20))
      if (Date.now() > end || child.exitCode !== null) throw new Error(`${program} does not listen on ${port}`);
    return child.pid ?? 0;
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }
}
