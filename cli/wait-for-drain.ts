import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus, DrainRequest } from "../shared/wire/admin.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { ago, say } from "./output.ts";

const POLL_MS = 100;

/**
 * Waits until an agent that was asked to leave is gone; each step goes to stderr.
 * @returns how long it took
 * @throws CliError (exit 1) when it is still there after that time
 */
export async function waitForDrain(
  client: Pick<ControlClient, "status">,
  { service, instance }: DrainRequest,
  timeoutMs: number,
): Promise<number> {
  const startMs = performance.now();
  for (let said = "ready"; ; await sleep(POLL_MS)) {
    const { agents } = await client.status();
    const step = stepOf(agents.find((one) => one.service === service && one.instance === instance));
    const tookMs = performance.now() - startMs;
    // One that is started again has the same name: what was draining and is not any more has left.
    if (step === "gone" || (said === "draining" && step !== "draining")) return tookMs;
    if (step !== said) say(`${service}/${instance}: ${step}`);
    said = step;
    if (tookMs >= timeoutMs)
      throw new CliError(exitCodes.findings, stillThere(`${service}/${instance}`, step, timeoutMs));
  }
}

function stepOf(agent: AgentStatus | undefined): AgentStatus["phase"] | "gone" {
  return agent === undefined || agent.state === "offline" ? "gone" : agent.phase;
}

function stillThere(name: string, step: string, timeoutMs: number): string {
  if (step === "draining") return `${name} still finishes what runs after ${ago(timeoutMs)}; it goes on by itself`;
  return `${name} does not leave: after ${ago(timeoutMs)} it is ${step}. An agent of an earlier release takes no such word: end its process by SIGTERM`;
}
