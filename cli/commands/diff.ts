import { Command } from "commander";
import { type Change, findChanges, type Version } from "../../shared/plan/changes/find-changes.ts";
import { changesText, countText } from "../changes-text.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { comparable, liveVersion } from "../live-version.ts";
import { connect, type JsonOption, jsonOption, versionArgument, withControl } from "../options.ts";
import { print, printJson, say } from "../output.ts";
import { readNext } from "../read-next.ts";

interface Options extends ControlOptions, JsonOption {
  readonly from?: number;
  readonly to?: number;
  readonly exitCode?: boolean;
}

export function diffCommand(): Command {
  const command = new Command("diff")
    .description("What a document would change of the live version, or what differs between two versions.")
    .argument("[file]", "document, or the file of an owner; - reads stdin")
    .option("--from <version>", "instead of the live version, or without a file: the older of two", versionArgument)
    .option("--to <version>", "without a file: the newer of two (default: the live one)", versionArgument)
    .option("--exit-code", "exit with 1 when something changes")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
What means the same is no change: defaults that are written out, another order of keys, 5000ms for 5s.
! marks what lets somebody do more than before.

Examples:
  selvage diff selvage.yaml
  selvage diff teams/payments.yaml
  selvage diff --from 41 --to 42 --json`,
    );
  return withControl(command).action(diff);
}

async function diff(file: string | undefined, options: Options): Promise<void> {
  const { from, to } = options;
  if (file !== undefined && to !== undefined) throw new CliError(exitCodes.usage, "a file and --to exclude each other");
  if (file === undefined && from === undefined)
    throw new CliError(exitCodes.usage, "say what to compare: a file, or --from VERSION");
  const client = connect(options);
  const was = from === undefined ? await liveVersion(client) : await client.version(from);
  const { version: is, name } = file === undefined ? await other() : await ofFile(file);
  const changes = findChanges(comparable(was), is);
  const names = { from: was === undefined ? "nothing" : `version ${was.version}`, to: name };
  if (options.json) printJson({ from: was?.version ?? 0, to: file ?? name, changes });
  else printChanges(changes, names);
  if (changes.length > 0 && options.exitCode) throw new CliError(exitCodes.findings, "");

  async function other(): Promise<{ version: Version; name: string }> {
    const found = to === undefined ? await liveVersion(client) : await client.version(to);
    return { version: comparable(found), name: `version ${found?.version ?? 0}` };
  }
  async function ofFile(given: string): Promise<{ version: Version; name: string }> {
    const { document, table } = await readNext(given, was);
    return { version: { document, artifacts: table }, name: given };
  }
}

function printChanges(changes: readonly Change[], { from, to }: { from: string; to: string }): void {
  if (changes.length === 0) {
    print(`${to} means the same as ${from}`);
    return;
  }
  print(changesText(changes));
  say(`\n${countText(changes)}: ${from} -> ${to}`);
}
