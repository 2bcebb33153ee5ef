import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { QuarantinedRoute } from "../../shared/config/quarantine.ts";
import type { ApplyAnswer } from "../../shared/wire/admin.ts";
import { sendArtifacts } from "../artifacts/send-artifacts.ts";
import { type CanaryOptions, canaryRequest, withCanary } from "../canary-options.ts";
import { type CodeSource, codeSource } from "../code/check-code.ts";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { author, connect, type JsonOption, jsonOption, type WaitOptions, withControl, withWait } from "../options.ts";
import { print, printJson, say, style } from "../output.ts";
import { readValidDocument } from "../read-document.ts";
import { waitForCanary } from "../wait-for-canary.ts";
import { waitForVersion } from "../wait-for-version.ts";

type Options = ControlOptions &
  JsonOption &
  WaitOptions &
  CanaryOptions & { readonly reason?: string; readonly quarantine?: boolean };

export function applyCommand(): Command {
  const command = new Command("apply")
    .description("Make a document live: a new version, given to every gateway and agent. A broken one is not sent.")
    .argument("<file>", "document in YAML or JSON; - reads stdin")
    .option("--reason <text>", "why, for the history")
    .option("--quarantine", "put broken routes of included files out of service, and apply the rest")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      '\nExamples:\n  selvage apply selvage.yaml --wait\n  selvage apply selvage.yaml --reason "raise the order limit" --wait --timeout 10s\n  selvage apply selvage.yaml --canary --steps 1%,10%,50% --every 2m --wait',
    );
  return withControl(withWait(withCanary(command))).action(apply);
}

async function apply(name: string, options: Options): Promise<void> {
  const canary = canaryRequest(options);
  const read = await readValidDocument(name, process.env, options.quarantine);
  const { document, source, file, quarantined, artifacts } = read;
  const { reason } = options;
  const client = connect(options);
  await sendArtifacts(client, artifacts);
  const answer = await client.apply({
    document,
    artifacts: artifacts.table,
    source,
    file,
    author: author(),
    ...(reason !== undefined && { reason }),
    ...(canary !== undefined && { canary }),
  });
  if (!answer.changed) say(`nothing changes: version ${answer.version} is live and means the same`);
  sayQuarantined(quarantined);
  sayCode(codeSource(document, name));
  if (answer.canary === true) await finishCanary(client, answer, options, canary?.everyMs !== undefined);
  else await finishChange(client, answer, options);
}

/** @param isByItself it is promoted without anybody saying so: then its end is what `--wait` waits for */
async function finishCanary(
  client: ControlClient,
  answer: ApplyAnswer,
  options: JsonOption & WaitOptions,
  isByItself: boolean,
): Promise<void> {
  const { version } = answer;
  const canary = options.wait
    ? await waitForCanary(client, version, isByItself ? "ended" : "running", options.timeout)
    : undefined;
  if (options.json) printJson(canary === undefined ? answer : { ...answer, canary });
  else if (canary?.phase === "promoted") print(`version ${version} is live (${answer.hash.slice(0, 12)})`);
  else print(`version ${version} is a canary (${answer.hash.slice(0, 12)}): selvage canary status`);
}

/** What gateways run is what they were deployed with, and nobody here knows what that is. */
function sayCode({ files }: CodeSource): void {
  if (files.length === 0) return;
  const named = files.length > 3 ? `${files.slice(0, 3).join(", ")} and ${files.length - 3} more` : files.join(", ");
  say(
    `code is deployed, not applied: after a change of ${named}, selvage build and deploy, or start selvage serve again`,
  );
}

function sayQuarantined(quarantined: readonly QuarantinedRoute[]): void {
  const bad = style("bad", "QUARANTINED", process.stderr);
  for (const { owner, name, reason, answered } of quarantined) {
    const what = name === undefined ? `routes of ${owner}` : `route ${name} of ${owner}`;
    const then = answered ? "its requests are answered 503" : "it is left out: other routes may get its requests";
    say(`${bad}: ${printable(`${what}: ${reason}; ${then}`)}`);
  }
}

/** Says what is live now, after everybody has it when that is asked for. */
export async function finishChange(
  client: ControlClient,
  answer: ApplyAnswer,
  options: JsonOption & WaitOptions,
): Promise<void> {
  const rollout = options.wait ? await waitForVersion(client, answer.version, options.timeout) : undefined;
  if (options.json) printJson(rollout === undefined ? answer : { ...answer, rollout });
  else print(`version ${answer.version} is live (${answer.hash.slice(0, 12)})`);
}
