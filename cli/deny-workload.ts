/** Workloads that are refused: the part of `selvage revoke` that is not about tokens. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DeniedInfo, DenyRequest } from "../shared/wire/ca.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { author } from "./options.ts";
import { ago, print, printJson, say, table } from "./output.ts";

/** Options of the command that name a workload. */
export interface Workload {
  readonly service?: string;
  readonly instance?: string;
  readonly serial?: string;
}

export interface DenyOptions {
  readonly reason?: string;
  readonly json?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

/** Ids of denied workloads begin so; those of revoked tokens do not. */
export const WORKLOAD_ID = "w-";
const POLL_MS = 50;

/** @returns undefined when no workload is named. @throws CliError when more than one is, or something beside it */
export function workloadOf(
  options: Workload & Partial<Record<"jti" | "sub" | "issuer" | "issuedBefore" | "expires", unknown>>,
): Workload | undefined {
  const { service, instance, serial, jti, sub, issuer, issuedBefore, expires } = options;
  const given = [service, instance, serial].filter((value) => value !== undefined);
  if (given.length === 0) return undefined;
  const tokens = [jti, sub, issuer, issuedBefore, expires].filter((value) => value !== undefined);
  if (given.length > 1 || tokens.length > 0)
    throw new CliError(
      exitCodes.usage,
      "say one of --service, --instance and --serial, and nothing about tokens with it",
    );
  if (instance === undefined) return service === undefined ? { serial: serial ?? "" } : { service };
  const [, of, name] = /^([^/]+)\/([^/]+)$/.exec(instance) ?? [];
  if (of === undefined || name === undefined)
    throw new CliError(exitCodes.usage, `--instance takes SERVICE/INSTANCE as in selvage status, not ${instance}`);
  return { service: of, instance: name };
}

export async function deny(client: ControlClient, workload: Workload, options: DenyOptions): Promise<void> {
  const terms = { author: author(), ...(options.reason !== undefined && { reason: options.reason }) };
  const startMs = performance.now();
  const denied = await client.deny({ ...workload, ...terms } as DenyRequest);
  say(`revoked: ${describe(denied)}`);
  const tookMs = options.wait ? await waitForAll(client, startMs, options.timeout) : undefined;
  if (options.json) printJson({ ...denied, ...(tookMs !== undefined && { refusedByAllAfterMs: Math.round(tookMs) }) });
  else print(denied.id);
}

export async function lift(client: ControlClient, id: string, { json }: DenyOptions): Promise<void> {
  const lifted = await client.lift(id);
  if (json) return printJson(lifted);
  say(`taken back: ${describe(lifted)}`);
  print(lifted.id);
}

/** @returns milliseconds. @throws CliError (exit 1) when the time is over, naming who is waited for */
async function waitForAll(client: ControlClient, startMs: number, timeoutMs: number): Promise<number> {
  for (;;) {
    const { live, away, named } = (await client.denied()).waitingFor;
    const tookMs = performance.now() - startMs;
    if (live === 0) {
      const others = away === 0 ? "" : `; ${away} that are away will when they come back`;
      say(`refused by every connected agent after ${ago(tookMs)}${others}`);
      return tookMs;
    }
    if (tookMs >= timeoutMs) {
      const names = named.filter(({ connected }) => connected).map(({ name }) => name);
      const text = `after ${ago(timeoutMs)} ${live} agents have not said that they refuse it: ${names.join(", ")}`;
      throw new CliError(exitCodes.findings, text);
    }
    await sleep(POLL_MS);
  }
}

export function deniedTable(denied: readonly DeniedInfo[]): string {
  const rows = denied.map((one) => [
    one.id,
    describe(one),
    `${ago(Math.max(0, Date.now() - one.createdAtMs))} ago`,
    one.author,
    one.reason,
  ]);
  return table(["ID", "REVOKED", "SINCE", "BY", "REASON"], rows);
}

function describe({ service, instance, serial }: DeniedInfo): string {
  if (serial !== undefined) return `certificate ${serial}`;
  return instance === undefined ? `service ${service}` : `instance ${service}/${instance}`;
}
