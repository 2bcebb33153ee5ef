/** Agents as the status has them. */
import { nearestName } from "../shared/config/nearest-name.ts";
import type { AgentStatus } from "../shared/wire/admin.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { ago } from "./output.ts";

/** @param name an instance, or SERVICE/INSTANCE. @throws CliError when none or several are meant */
export function findAgent(agents: readonly AgentStatus[], name: string): AgentStatus {
  const found = agents.filter(({ service, instance }) => name === instance || name === `${service}/${instance}`);
  const [agent] = found;
  if (agent !== undefined && found.length === 1) return agent;
  const names = agents.map(({ service, instance }) => `${service}/${instance}`);
  if (agent !== undefined) {
    const which = found.map(({ service, instance }) => `${service}/${instance}`).join(", ");
    throw new CliError(exitCodes.usage, `${name} is several instances: ${which}`);
  }
  const near = nearestName(name, [...agents.map(({ instance }) => instance), ...names]);
  const hint = near === undefined ? "selvage mesh status lists them" : `did you mean ${near}?`;
  throw new CliError(exitCodes.findings, `no instance ${name} is known: ${hint}`);
}

/** How long its certificate is good. */
export function certificateLeft({ certificateNotAfterMs }: AgentStatus): string {
  const leftMs = certificateNotAfterMs - Date.now();
  return leftMs > 0 ? ago(leftMs) : "ended";
}
