import { Command } from "commander";
import { type Change, findChanges } from "../../shared/plan/changes/find-changes.ts";
import type { VersionDetail } from "../../shared/wire/admin.ts";
import { changesText, countText } from "../changes-text.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { comparable, liveVersion } from "../live-version.ts";
import { connect, type JsonOption, jsonOption, versionArgument, withControl } from "../options.ts";
import { print, printJson, say } from "../output.ts";
import { readAlone, readNext } from "../read-next.ts";
import {
  findRecords,
  isReplayed,
  printReplay,
  type ReplayedVersion,
  type ReplayOptions,
  type ReplayReport,
  replayBetween,
} from "../replay/run-replay.ts";

interface Options extends ControlOptions, JsonOption, ReplayOptions {
  readonly from?: number;
  readonly to?: number;
  readonly base?: string;
  readonly exitCode?: boolean;
}

/** One side of the comparison. */
interface Side {
  readonly version: ReplayedVersion;
  /** For people. */
  readonly name: string;
  /** For programs: a file, or the number of a version; 0: nothing is live. */
  readonly id: string | number;
}

export function diffCommand(): Command {
  const command = new Command("diff")
    .description("What a document would change of the live version, or what differs between two versions.")
    .argument("[file]", "document, or the file of an owner; - reads stdin")
    .option("--from <version>", "instead of the live version, or without a file: the older of two", versionArgument)
    .option("--to <version>", "without a file: the newer of two (default: the live one)", versionArgument)
    .option("--base <file>", "instead of the live version: this document")
    .option("--replay", "also decide past requests by both, and tell which of them change")
    .option("--records <file>", "replay the requests of this file, as --save writes them, and not those that are kept")
    .option("--save <file>", "write the requests that are kept to this file; without anything to compare that is all")
    .option("--exit-code", "exit with 1 when something changes; with --replay, when a request does")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
What means the same is no change: defaults that are written out, another order of keys, 5000ms for 5s.
! marks what lets somebody do more than before. With --base and --records no control plane is asked.

Examples:
  selvage diff selvage.yaml
  selvage diff teams/payments.yaml
  selvage diff selvage.yaml --replay --exit-code
  selvage diff --save requests.ndjson
  selvage diff selvage.yaml --base live.yaml --records requests.ndjson --json
  selvage diff --from 41 --to 42 --json`,
    );
  return withControl(command).action(diff);
}

async function diff(file: string | undefined, options: Options): Promise<void> {
  const { from, to, base, save, records } = options;
  if (file !== undefined && to !== undefined) throw new CliError(exitCodes.usage, "a file and --to exclude each other");
  if (base !== undefined && (from !== undefined || to !== undefined || file === undefined))
    throw new CliError(exitCodes.usage, "--base FILE is what another file is compared with: without --from and --to");
  if (save !== undefined && records !== undefined)
    throw new CliError(exitCodes.usage, "--save and --records exclude each other");
  if (file === undefined && from === undefined && save !== undefined) return saveAlone(options);
  if (file === undefined && from === undefined)
    throw new CliError(exitCodes.usage, "say what to compare: a file, or --from VERSION");
  const { was, is } = await sidesOf(file, options);
  const changes = findChanges(was.version, is.version);
  if (!options.json) printChanges(changes, { from: was.name, to: is.name });
  const report = isReplayed(options) ? await replayed(was, is, options) : undefined;
  if (options.json)
    printJson({ from: was.id, to: file ?? is.name, changes, ...(report !== undefined && { replay: report }) });
  else if (report !== undefined) {
    print("");
    printReplay(report, options, was.version);
  }
  const count = report === undefined ? changes.length : report.changed;
  if (count > 0 && options.exitCode) throw new CliError(exitCodes.findings, "");
}

async function sidesOf(file: string | undefined, options: Options): Promise<{ was: Side; is: Side }> {
  const { from, to, base } = options;
  if (base !== undefined && file !== undefined) return { was: await alone(base), is: await alone(file) };
  const client = connect(options);
  const numbered = async (version: number | undefined): Promise<VersionDetail | undefined> =>
    version === undefined ? liveVersion(client) : client.version(version);
  const was = await numbered(from);
  if (file === undefined) return { was: ofVersion(was), is: ofVersion(await numbered(to)) };
  const { document, table, artifacts } = await readNext(file, was);
  return {
    was: ofVersion(was),
    is: { version: { document, artifacts: table, bytes: artifacts?.bytes }, name: file, id: file },
  };
}

const ofVersion = (detail: VersionDetail | undefined): Side => ({
  version: comparable(detail),
  name: detail === undefined ? "nothing" : `version ${detail.version}`,
  id: detail?.version ?? 0,
});

async function alone(file: string): Promise<Side> {
  const read = await readAlone(file);
  if (read === undefined)
    throw new CliError(exitCodes.usage, `${file} is the file of an owner: --base compares whole documents`);
  const { document, table, artifacts } = read;
  return { version: { document, artifacts: table, bytes: artifacts?.bytes }, name: file, id: file };
}

async function replayed(was: Side, is: Side, options: Options): Promise<ReplayReport> {
  const found = await findRecords(options, () => connect(options), was.version);
  return replayBetween(was.version, is.version, found);
}

async function saveAlone(options: Options): Promise<void> {
  const client = connect(options);
  const { records } = await findRecords(options, () => client, comparable(await liveVersion(client)));
  if (options.json) printJson({ records: records.length, file: options.save });
}

function printChanges(changes: readonly Change[], { from, to }: { from: string; to: string }): void {
  if (changes.length === 0) {
    print(`${to} means the same as ${from}`);
    return;
  }
  print(changesText(changes));
  say(`\n${countText(changes)}: ${from} -> ${to}`);
}
