/** Asks the control plane how what runs is doing, once or until all is well. */
import { setTimeout as sleep } from "node:timers/promises";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import { judgeLive, type LiveGroup, lifetimeIn } from "./live.ts";
import { type SecretPlaces, secretPlaces } from "./secret-places.ts";

const POLL_MS = 500;

type Asked = Pick<ControlClient, "status" | "drift" | "version">;

/**
 * @param isWell whether what was found is enough to end the wait
 * @param waitMs how long it is asked again; 0: it is asked once
 * @throws CliError (exit 3) when the control plane does not answer by then
 */
export async function askLive(
  client: Asked,
  waitMs: number,
  isWell: (groups: readonly LiveGroup[]) => boolean,
): Promise<readonly LiveGroup[]> {
  const startMs = performance.now();
  const isOver = (): boolean => performance.now() - startMs >= waitMs;
  for (;;) {
    const groups = await askOnce(client).catch((fault: unknown) => {
      const isAway = fault instanceof CliError && fault.exitCode === exitCodes.unreachable;
      if (isAway && !isOver()) return undefined;
      throw fault;
    });
    if (groups !== undefined && (isWell(groups) || isOver())) return groups;
    await sleep(POLL_MS);
  }
}

async function askOnce(client: Asked): Promise<LiveGroup[]> {
  const askedAtMs = Date.now();
  const status = await client.status();
  const answeredAtMs = Date.now();
  const drift = await client.drift();
  const live = status.version === 0 ? undefined : await client.version(status.version);
  const isLacking = (status.alarms ?? []).some(({ code }) => code === "secret_missing");
  const secrets: SecretPlaces = isLacking ? secretPlaces(live) : new Map();
  return judgeLive({ status, drift, secrets, lifetimeMs: lifetimeIn(live?.document), askedAtMs, answeredAtMs });
}
