import { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, style } from "../output.ts";
import { countProblems, problemsAsJson, readDocument, sayProblems } from "../read-document.ts";

export function checkCommand(): Command {
  return new Command("check")
    .description("Check a document: its form, its references, routes that hide each other, missing secrets.")
    .argument("<file>", "document in YAML or JSON; - reads stdin")
    .option("--fail-on-warning", "exit with 1 when there are warnings")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage check selvage.yaml\n  selvage check --json --fail-on-warning selvage.yaml",
    )
    .action(check);
}

async function check(name: string, options: JsonOption & { failOnWarning?: boolean }): Promise<void> {
  const read = await readDocument(name, process.env);
  const { document, file, problems } = read;
  if (options.json) printJson({ file, valid: document !== undefined, problems: problemsAsJson(read) });
  else sayProblems(read);
  if (document === undefined)
    throw new CliError(exitCodes.usage, options.json ? "" : `${file} is not valid: ${countProblems(read)}`);
  const routes = document.gateway?.routes.length ?? 0;
  const services = Object.keys(document.mesh?.services ?? {}).length;
  if (!options.json)
    print(`${style("ok", "ok")} ${file}: ${routes} routes, ${services} services, ${countProblems(read)}`);
  if (options.failOnWarning && problems.length > 0) throw new CliError(exitCodes.findings, "");
}
