import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { splitFiles } from "../../shared/config/document-files.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, versionArgument, withControl } from "../options.ts";
import { print, printJson, say } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly out?: string;
}

export function configCommand(): Command {
  const view = new Command("view")
    .description("The document of a version as it was written, references unresolved. With --json as it was applied.")
    .argument("[version]", "number of the version (default: the live one)", versionArgument)
    .option("--out <file>", "write it there")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage config view\n  selvage config view 41 --out before.yaml");
  return new Command("config")
    .description("The live document. Versions: selvage history; what differs between them: selvage diff.")
    .addCommand(withControl(view).action(showDocument))
    .addHelpText(
      "after",
      "\nExamples:\n  selvage config view > live.yaml\n  selvage config view 41 --json | jq .document.gateway.hosts",
    );
}

async function showDocument(given: number | undefined, options: Options): Promise<void> {
  const client = connect(options);
  const version = given ?? (await client.status()).version;
  if (version === 0) throw new CliError(exitCodes.findings, "nothing is live yet: selvage apply selvage.yaml");
  const { document, source, file } = await client.version(version);
  if (options.json) return printJson({ version, file, document });
  const [own, ...included] = splitFiles(source);
  const text = (own?.text ?? source).trimEnd();
  if (options.out === undefined) print(text);
  else writeOut(options.out, text);
  const names = included.map(({ name }) => name);
  if (names.length > 0) say(`it includes ${names.join(", ")}, which are not shown: --json has all that was applied`);
}

function writeOut(file: string, text: string): void {
  try {
    writeFileSync(file, `${text}\n`);
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : fault;
    throw new CliError(exitCodes.usage, `${file} cannot be written: ${why}`);
  }
  say(`wrote ${file}`);
}
