import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import { describeSummary } from "../../shared/plan/changes/summary.ts";
import type { VersionDetail } from "../../shared/wire/admin.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, versionArgument, withControl } from "../options.ts";
import { ago, columns, print, printJson, say, table } from "../output.ts";

export function historyCommand(): Command {
  const command = new Command("history")
    .description("Versions of the document, newest first, or one with what it changed.")
    .argument("[version]", "number of one version", versionArgument)
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage history\n  selvage history 42\n  selvage history --json");
  return withControl(command).action(history);
}

async function history(version: number | undefined, options: ControlOptions & JsonOption): Promise<void> {
  if (version !== undefined) return one(await connect(options).version(version), options);
  const versions = await connect(options).versions();
  if (options.json) return printJson({ versions });
  if (versions.length === 0) return print("no version yet: selvage apply selvage.yaml");
  const rows = versions.map(({ version, hash, author, reason, file, appliedAtMs, changes, isWithheld }) => [
    String(version),
    `${ago(Date.now() - appliedAtMs)} ago`,
    author,
    file,
    hash.slice(0, 12),
    changes === undefined ? "" : describeSummary(changes, 1),
    isWithheld === true ? `not live: ${reason}` : reason,
  ]);
  print(table(["VERSION", "APPLIED", "BY", "FILE", "HASH", "CHANGES", "REASON"], rows));
}

function one(detail: VersionDetail, { json }: JsonOption): void {
  const { document: _, source: _text, artifacts: _files, ...info } = detail;
  if (json) {
    printJson(info);
    return;
  }
  const { version, hash, author, reason, file, appliedAtMs, changes } = info;
  print(`version ${version} (${hash.slice(0, 12)}) of ${file}, by ${author}, ${ago(Date.now() - appliedAtMs)} ago`);
  if (reason !== "") print(`  ${printable(reason)}`);
  if (changes === undefined) return;
  const rows = changes.places.map(({ place, how, effect, text = "" }) => {
    return [`  ${how}`, place, effect === "widens" ? ({ text: `! ${text}`, style: "warn" } as const) : text];
  });
  print(rows.length === 0 ? "\nnothing that counts was changed" : `\n${columns(rows)}`);
  if (changes.count > rows.length) print(`  and ${changes.count - rows.length} more`);
  if (version > 1) say(`\nall values: selvage diff --from ${version - 1} --to ${version}`);
}
