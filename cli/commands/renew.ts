import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { limits } from "../../shared/limits.ts";
import type { AgentStatus } from "../../shared/wire/admin.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly within: number;
  readonly timeout?: number;
}

const POLL_MS = 250;
/** Agents that came meanwhile, or did not hear it, are told again after this. */
const TELL_AGAIN_MS = 5_000;
/** For answers on their way, and for renewals that had to be tried twice. */
const MARGIN_MS = 15_000;
const NAMED_MAX = 20;

export function renewCommand(): Command {
  const command = new Command("renew")
    .description("Have every live agent renew its certificate now, as before maintenance of the control plane.")
    .option("--within <duration>", "agents renew spread over this time", durationArgument, limits.fleet.renewWithinMs)
    .option("--timeout <duration>", "how long to wait for them; default: that and 15s", durationArgument)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Exit code 1 names the agents that did not say that they renewed. An agent that has renewed goes on for a certificate's whole life
without the control plane.

Examples:
  selvage renew
  selvage renew --within 5m`,
    );
  return withControl(command).action(renew);
}

async function renew(options: Options): Promise<void> {
  const { within, timeout = within + MARGIN_MS } = options;
  if (within > limits.fleet.renewWithinMsMax)
    throw new CliError(exitCodes.usage, `--within is at most ${ago(limits.fleet.renewWithinMsMax)}`);
  const { renewed, lacking, leastMs } = await renewAll(connect(options), within, timeout);
  const names = lacking.map(nameOf);
  if (options.json) printJson({ renewed: renewed.map(nameOf), lacking: names, outageBudgetMs: leastMs ?? null });
  else {
    const least = leastMs === undefined ? "" : `; the fleet goes on for ${ago(leastMs)} without the control plane`;
    print(`${renewed.length} of ${renewed.length + lacking.length} agents have renewed${least}`);
  }
  if (names.length === 0) return;
  const more = names.length > NAMED_MAX ? `, and ${names.length - NAMED_MAX} more` : "";
  throw new CliError(exitCodes.findings, `not renewed: ${names.slice(0, NAMED_MAX).join(", ")}${more}`);
}

interface Outcome {
  readonly renewed: readonly AgentStatus[];
  /** Live ones that did not say that they did. */
  readonly lacking: readonly AgentStatus[];
  /** How long the fleet goes on without the control plane; undefined: there is no agent. */
  readonly leastMs: number | undefined;
}

/** Tells all agents to renew, and waits until each that is connected has, or the time is over; progress goes to stderr. */
export async function renewAll(
  client: Pick<ControlClient, "renewAgents" | "status">,
  withinMs: number,
  timeoutMs: number,
): Promise<Outcome> {
  const { id } = await client.renewAgents({ withinMs });
  const startMs = performance.now();
  let toldMs = startMs;
  for (let said = ""; ; await sleep(POLL_MS)) {
    const { agents, outage } = await client.status();
    const live = agents.filter(({ state }) => state !== "offline");
    const lacking = live.filter(({ renewal }) => renewal !== id);
    const renewed = live.filter(({ renewal }) => renewal === id);
    const nowMs = performance.now();
    const line = `${renewed.length} of ${live.length} agents have renewed`;
    if (line !== said) say(line);
    said = line;
    if (lacking.length === 0 || nowMs - startMs >= timeoutMs) return { renewed, lacking, leastMs: outage?.budgetMs };
    if (nowMs - toldMs < TELL_AGAIN_MS) continue;
    toldMs = nowMs;
    await client.renewAgents({ id, withinMs: Math.round(Math.max(0, withinMs - (nowMs - startMs))) });
  }
}

const nameOf = ({ service, instance }: AgentStatus): string => `${service}/${instance}`;
