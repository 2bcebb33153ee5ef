import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { QuarantinedRoute } from "../../shared/config/quarantine.ts";
import { type Change, findChanges } from "../../shared/plan/changes/find-changes.ts";
import { describeSummary } from "../../shared/plan/changes/summary.ts";
import type { ApplyAnswer, VersionInfo } from "../../shared/wire/admin.ts";
import { sendArtifacts } from "../artifacts/send-artifacts.ts";
import { type CanaryOptions, canaryRequest, withCanary } from "../canary-options.ts";
import { changesText, countText } from "../changes-text.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type CodeSource, codeSource } from "../code/check-code.ts";
import type { ControlClient } from "../control-client.ts";
import { ControlRefusal } from "../control-link.ts";
import type { ControlOptions } from "../find-system.ts";
import { comparable, liveVersion } from "../live-version.ts";
import type { NextVersion } from "../next-version.ts";
import {
  author,
  connect,
  type JsonOption,
  jsonOption,
  type WaitOptions,
  withControl,
  withExpect,
  withWait,
} from "../options.ts";
import { print, printJson, say, style } from "../output.ts";
import { readAlone, readNext } from "../read-next.ts";
import { findRecords, printReplay, replayBetween } from "../replay/run-replay.ts";
import { waitForCanary } from "../wait-for-canary.ts";
import { RolloutEnd, waitForVersion } from "../wait-for-version.ts";

interface Options extends ControlOptions, JsonOption, WaitOptions, CanaryOptions {
  readonly reason?: string;
  readonly quarantine?: boolean;
  readonly expect?: number;
  readonly dryRun?: boolean;
  readonly replay?: boolean;
}

export function applyCommand(): Command {
  const command = new Command("apply")
    .description("Make a document live: a new version, given to every gateway and agent. A broken one is not sent.")
    .argument("<file>", "document in YAML or JSON, or the file of an owner alone; - reads stdin")
    .option("--reason <text>", "why, for the history")
    .option("--quarantine", "put broken routes of included files out of service, and apply the rest")
    .option("--dry-run", "show what it changes, have it judged, and make nothing live")
    .option("--replay", "with --dry-run: tell which of the past requests that are kept it changes")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      '\nExamples:\n  selvage apply selvage.yaml --wait\n  selvage apply teams/payments.yaml --dry-run --replay\n  selvage apply selvage.yaml --reason "raise the order limit" --wait --timeout 10s\n  selvage apply selvage.yaml --canary --steps 1%,10%,50% --every 2m --wait',
    );
  return withControl(withExpect(withWait(withCanary(command)))).action(apply);
}

async function apply(name: string, options: Options): Promise<void> {
  if (options.replay && options.dryRun !== true)
    throw new CliError(exitCodes.usage, "--replay tells what would change: with --dry-run, or by selvage diff");
  const canary = canaryRequest(options);
  const client = connect(options);
  // A document that is not valid is told without a call; the file of an owner is one only with the live version.
  const early = await readAlone(name, options.quarantine);
  const live = await liveVersion(client);
  const next = early ?? (await readNext(name, live, options.quarantine));
  const { document, source, file, quarantined, artifacts, table } = next;
  const { reason, expect = live?.version ?? 0 } = options;
  const changes = findChanges(comparable(live), { document, artifacts: table });
  if (!options.json) showChanges(changes, live?.version, options.dryRun === true ? print : say);
  const request = {
    document,
    artifacts: table,
    source,
    file,
    author: author(),
    expect,
    ...(reason !== undefined && { reason }),
    ...(canary !== undefined && { canary }),
  };
  if (artifacts !== undefined && options.dryRun !== true) await sendArtifacts(client, artifacts);
  const sent = options.dryRun === true ? client.tryApply(request) : client.apply(request);
  const answer = await sent.catch((fault: unknown) => {
    throw explained(fault, next);
  });
  sayQuarantined(quarantined);
  if ("dryRun" in answer) {
    const was = comparable(live);
    const is = { document, artifacts: table, bytes: artifacts?.bytes };
    const report = options.replay ? replayBetween(was, is, await findRecords({}, () => client, was)) : undefined;
    if (options.json) return printJson({ ...answer, changes, ...(report !== undefined && { replay: report }) });
    if (report !== undefined) printReplay(report, {}, was);
    return say("nothing was made live: --dry-run");
  }
  if (!answer.changed) say(`nothing changes: version ${answer.version} is live and means the same`);
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

function showChanges(changes: readonly Change[], live: number | undefined, show: (text: string) => void): void {
  if (live === undefined || changes.length === 0) return;
  const stream = show === print ? process.stdout : process.stderr;
  show(`${changesText(changes, stream)}\n\n${countText(changes)} of version ${live}\n`);
}

/** What is not the owner's with its places, and who was faster. */
export function explained(fault: unknown, next?: Pick<NextVersion, "place">): unknown {
  if (!(fault instanceof ControlRefusal)) return fault;
  const { code, errors = [], since } = fault.problem;
  if (code === "not_owned" && next !== undefined) {
    const places = errors
      .map(({ path = [], message = "" }) => `\n  ${next.place(path)}  ${printable(message)}`)
      .join("");
    return new CliError(exitCodes.findings, `the token does not act for all that is changed:${places}`);
  }
  if (code !== "version_moved" || !Array.isArray(since)) return fault;
  const versions = (since as VersionInfo[]).map(({ version, author: by, changes }) => {
    const what = changes === undefined ? "" : `: ${describeSummary(changes)}`;
    return `\n  ${printable(`version ${version} by ${by}${what}`)}`;
  });
  const [live] = since as VersionInfo[];
  const head = `version ${live?.version ?? 0} is live, not version ${fault.problem.expected}`;
  const look = "Look at it with selvage diff, and apply again.";
  return new CliError(exitCodes.findings, `${head}${versions.length > 0 ? ":" : "."}${versions.join("")}\n${look}`);
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
  const rollout = options.wait
    ? await waitForVersion(client, answer.version, options.timeout).catch((fault: unknown) => {
        // Programs are told how far it has come, too.
        if (options.json && fault instanceof RolloutEnd) printJson({ ...answer, rollout: fault.rollout });
        throw fault;
      })
    : undefined;
  if (options.json) printJson(rollout === undefined ? answer : { ...answer, rollout });
  else print(`version ${answer.version} is live (${answer.hash.slice(0, 12)})`);
}
