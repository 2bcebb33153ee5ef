import { setTimeout as sleep } from "node:timers/promises";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { ago, say } from "./output.ts";
import { describeRollout, isComplete, type Rollout, rolloutOf } from "./rollout.ts";

const POLL_MS = 100;

/** A wait that ended without everybody. */
export class RolloutEnd extends CliError {
  readonly rollout: Rollout;

  constructor(message: string, rollout: Rollout) {
    super(exitCodes.findings, message);
    this.rollout = rollout;
  }
}

/**
 * Waits until every live gateway and connected agent serves a version; progress goes to stderr.
 * @throws RolloutEnd (exit 1) when somebody refuses it, it is replaced, or the time is over: naming who and why
 */
export async function waitForVersion(
  client: Pick<ControlClient, "status">,
  version: number,
  timeoutMs: number,
): Promise<Rollout> {
  const startMs = performance.now();
  for (let said = ""; ; await sleep(POLL_MS)) {
    const tookMs = performance.now() - startMs;
    const status = await client.status().catch((fault: unknown) => forgive(fault, tookMs < timeoutMs));
    if (status === undefined) continue;
    const rollout = rolloutOf(status, version);
    const line = describeRollout(rollout);
    if (line !== said) say(`version ${version}: ${line}`);
    said = line;
    refuseIfOver(rollout, version);
    if (isComplete(rollout)) {
      say(`version ${version}: all acknowledged after ${ago(tookMs)}`);
      return rollout;
    }
    if (tookMs >= timeoutMs) {
      const head = `version ${version} is live, but after ${ago(timeoutMs)} not yet served by`;
      throw new RolloutEnd(listLaggards(head, rollout.waiting), rollout);
    }
  }
}

/** A control plane that is away for a moment is asked again. */
function forgive(fault: unknown, timeLeft: boolean): undefined {
  if (timeLeft && fault instanceof CliError && fault.exitCode === exitCodes.unreachable) return undefined;
  throw fault;
}

function refuseIfOver(rollout: Rollout, version: number): void {
  const { replacedBy, refused } = rollout;
  if (replacedBy !== undefined)
    throw new RolloutEnd(`version ${version} was replaced by version ${replacedBy} meanwhile`, rollout);
  if (refused.length > 0) throw new RolloutEnd(listLaggards(`version ${version} is refused by`, refused), rollout);
}

function listLaggards(head: string, laggards: Rollout["waiting"]): string {
  return [`${head}:`, ...laggards.map(({ who, why }) => `  ${who}: ${why}`)].join("\n");
}
