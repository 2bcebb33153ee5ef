import { setTimeout as sleep } from "node:timers/promises";
import { Argument, Command } from "commander";
import type { KeyRingStatus, RotateRequest } from "../../shared/wire/rotation.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { author, connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly now?: boolean;
  readonly revoke?: boolean;
}

const KINDS = { "signing-key": "signing", "hop-key": "hop" } as const;
const POLL_MS = 100;

export function rotateCommand(): Command {
  const command = new Command("rotate")
    .description("Replace a key that gateways hold: agents get the new one first, then gateways use it.")
    .addArgument(
      new Argument("<key>", "signs Txn-Tokens, or proves requests to the ingress").choices(Object.keys(KINDS)),
    )
    .option("--wait", "wait until every live gateway holds it")
    .option("--timeout <duration>", "how long to wait", durationArgument, 30_000)
    .option("--now", "use it at once, also where agents do not have it yet")
    .option("--revoke", "with --now: refuse at once what other keys signed, for one that was stolen")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
No request is refused by this, but with --revoke: until gateways ask for their next lease, about three seconds.

Examples:
  selvage rotate signing-key --wait
  selvage rotate hop-key --now --revoke`,
    );
  return withControl(command).action(rotate);
}

async function rotate(name: keyof typeof KINDS, options: Options): Promise<void> {
  const { now = false, revoke = false } = options;
  if (revoke && !now) throw new CliError(exitCodes.usage, "--revoke refuses what is in use: say --now with it");
  const key = KINDS[name];
  const client = connect(options);
  const { kid } = await client.rotate({ key, now, revoke, author: author() });
  say(`new ${name}: ${kid}`);
  const ring = options.wait ? await waitForKey(client, key, kid, options.timeout) : undefined;
  if (options.json) printJson(ring === undefined ? { kid } : { kid, ring });
  else print(kid);
}

/**
 * Waits until a key is current and every live gateway holds it; progress goes to stderr.
 * @throws CliError (exit 1) when the time is over, naming who is waited for, or when another key took its place
 */
export async function waitForKey(
  client: Pick<ControlClient, "status">,
  kind: RotateRequest["key"],
  kid: string,
  timeoutMs: number,
): Promise<KeyRingStatus> {
  const startMs = performance.now();
  for (let said = ""; ; await sleep(POLL_MS)) {
    const { keys, gateways } = await client.status();
    const ring = keys.find((one) => one.kind === kind);
    const key = ring?.keys.find((one) => one.kid === kid);
    if (ring === undefined || key === undefined || key.state === "retired")
      throw new CliError(exitCodes.findings, `key ${kid} was replaced by another one meanwhile`);
    const tookMs = performance.now() - startMs;
    if (key.state === "current" && key.gateways === gateways.length) {
      say(`key ${kid}: held by all ${gateways.length} gateways after ${ago(tookMs)}`);
      return ring;
    }
    const line = describeProgress(ring, key, gateways.length);
    if (line !== said) say(`key ${kid}: ${line}`);
    said = line;
    if (tookMs >= timeoutMs)
      throw new CliError(exitCodes.findings, `key ${kid}: after ${ago(timeoutMs)} ${line}; it goes on by itself`);
  }
}

function describeProgress(
  { waitingFor: { count, named } }: KeyRingStatus,
  key: KeyRingStatus["keys"][number],
  gateways: number,
): string {
  if (key.state === "current") return `current, held by ${key.gateways} of ${gateways} gateways`;
  const more = count > named.length ? ", ..." : "";
  return `waits for ${count} agents to have it: ${named.join(", ")}${more}`;
}
