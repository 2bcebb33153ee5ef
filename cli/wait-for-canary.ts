import { setTimeout as sleep } from "node:timers/promises";
import type { CanaryStatus } from "../shared/wire/canary.ts";
import { percent } from "./canary-options.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { ago, say } from "./output.ts";

const POLL_MS = 250;

/** What is waited for: that it has its share, or that it has ended. */
export type CanaryGoal = "running" | "ended";

/**
 * Waits for a canary; progress goes to stderr.
 * @param timeoutMs for everybody to have the version, and for a control plane that is away
 * @throws CliError (exit 1) with the reason when it was rolled back, or naming who does not have it when the time is over
 */
export async function waitForCanary(
  client: Pick<ControlClient, "canary">,
  version: number,
  goal: CanaryGoal,
  timeoutMs: number,
): Promise<CanaryStatus> {
  let heardAtMs = performance.now();
  const startMs = heardAtMs;
  for (let said = ""; ; await sleep(POLL_MS)) {
    const nowMs = performance.now();
    const found = await client.canary().catch((fault: unknown) => forgive(fault, nowMs - heardAtMs < timeoutMs));
    if (found === undefined) continue;
    heardAtMs = nowMs;
    if (found?.version !== version)
      throw new CliError(exitCodes.findings, `the canary of version ${version} is not known any more`);
    const line = describeCanary(found);
    if (line !== said) say(line);
    said = line;
    if (found.phase === "aborted") throw new CliError(exitCodes.findings, `version ${version} was rolled back`);
    if (found.phase === "promoted" || (goal === "running" && found.phase === "running")) return found;
    if (found.phase === "preparing" && nowMs - startMs >= timeoutMs)
      throw new CliError(exitCodes.findings, `${line}; it goes on by itself`);
  }
}

/** A control plane that is away for a moment is asked again. */
function forgive(fault: unknown, timeLeft: boolean): undefined {
  if (timeLeft && fault instanceof CliError && fault.exitCode === exitCodes.unreachable) return undefined;
  throw fault;
}

/** One line on where it is, without figures that change all the time. */
export function describeCanary({ version, stable, phase, share, step, steps, reason, missing }: CanaryStatus): string {
  const head = `canary of version ${version}`;
  const named = missing.named.join(", ") + (missing.count > missing.named.length ? ", ..." : "");
  switch (phase) {
    case "preparing":
      return missing.count === 0 ? `${head}: begins` : `${head}: waits for ${missing.count} to have it: ${named}`;
    case "running": {
      const which = steps.length > 1 && step >= 0 ? `, step ${step + 1} of ${steps.length}` : "";
      const without = missing.count === 0 ? "" : `; without it: ${named}`;
      return `${head}: ${percent(share)} of the requests${which}, the others by version ${stable}${without}`;
    }
    case "promoting":
      return `${head}: gets all requests and becomes live`;
    case "promoted":
      return `${head}: promoted, it is live`;
    case "aborted":
      return `${head}: rolled back to version ${stable}: ${reason}`;
  }
}

/** Until when the step goes on, where that is known. */
export function describeNext({ nextAtMs, step, steps }: CanaryStatus, nowMs: number): string | undefined {
  if (nextAtMs === undefined) return undefined;
  const next = steps[step + 1];
  const what = next === undefined ? "it becomes live" : `it gets ${percent(next)}`;
  const when = nextAtMs > nowMs ? `in ${ago(nextAtMs - nowMs)}` : "with the next requests";
  return `${what} ${when} if the error budget holds`;
}
