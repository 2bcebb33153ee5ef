import { Command } from "commander";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, table } from "../output.ts";

export function historyCommand(): Command {
  const command = new Command("history")
    .description("Versions of the document, newest first.")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage history\n  selvage history --json");
  return withControl(command).action(history);
}

async function history(options: ControlOptions & JsonOption): Promise<void> {
  const versions = await connect(options).versions();
  if (options.json) return printJson({ versions });
  if (versions.length === 0) return print("no version yet: selvage apply selvage.yaml");
  const rows = versions.map(({ version, hash, author, reason, file, appliedAtMs, isWithheld }) => [
    String(version),
    `${ago(Date.now() - appliedAtMs)} ago`,
    author,
    file,
    hash.slice(0, 12),
    isWithheld === true ? `not live: ${reason}` : reason,
  ]);
  print(table(["VERSION", "APPLIED", "BY", "FILE", "HASH", "REASON"], rows));
}
