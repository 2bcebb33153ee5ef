/** An agent that joins what `selvage serve` serves. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Served } from "./serve.ts";
import { root, run } from "./system.ts";

/**
 * @param folder where the agent keeps its own
 * @param service `gateway` for the ingress
 * @param args of `selvage-agent`: the command, and what comes after the agent's own options
 */
export async function startAgent(
  served: Pick<Served, "state">,
  folder: string,
  service: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const state = { SELVAGE_STATE: served.state };
  const { stdout } = await run(process.execPath, ["bin/selvage.mjs", "join-token", service], state);
  const [command = "", ...rest] = args;
  const own = ["--state", join(folder, service), "--join", stdout.trim()];
  return spawn(process.execPath, ["bin/selvage-agent.mjs", command, ...own, ...rest], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export async function stopAgents(agents: readonly ChildProcess[]): Promise<void> {
  for (const agent of agents) {
    const over = new Promise((done) => agent.once("exit", done));
    if (agent.exitCode === null && agent.kill("SIGTERM")) await over;
  }
}
