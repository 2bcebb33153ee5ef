import { Command, Option } from "commander";
import { readCases } from "../cases/read-cases.ts";
import { githubReport, junitReport, textReport } from "../cases/report.ts";
import { type CaseResult, runDry, runLive } from "../cases/run-cases.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, sayNext } from "../output.ts";

interface Options extends JsonOption {
  readonly live?: string;
  readonly reporter: "text" | "github" | "junit";
}

export function testCommand(): Command {
  return new Command("test")
    .description("Judge requests of a test file by the decisions of `explain`, or against a gateway that runs.")
    .argument("[files...]", "test files in YAML or JSON", ["selvage.test.yaml"])
    .option("--live <url>", "send the requests to this gateway, such as http://127.0.0.1:8787")
    .addOption(new Option("--reporter <name>", "how it is told").choices(["text", "github", "junit"]).default("text"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Without --live nothing is sent or counted, and no system has to run.
Exits with 1 when a case fails, 2 when a file is not valid, 3 when the gateway of --live does not answer.

Examples:
  selvage test
  selvage test tests/*.test.yaml --reporter github
  selvage test --live http://127.0.0.1:8787`,
    )
    .action(test);
}

async function test(files: readonly string[], options: Options): Promise<void> {
  const origin = options.live === undefined ? undefined : originOf(options.live);
  const results: CaseResult[] = [];
  const documents = new Set<string>();
  for (const file of files) {
    const read = await readCases(file, process.env);
    documents.add(read.document.file);
    results.push(...(origin === undefined ? runDry(read) : await runLive(read, origin)));
  }
  const failed = results.filter(({ outcome }) => outcome === "failed");
  if (options.json) printJson({ passed: failed.length === 0, live: origin ?? null, cases: results });
  else print({ text: textReport, github: githubReport, junit: junitReport }[options.reporter](results));
  if (failed.length > 0) throw new CliError(exitCodes.findings, "");
  if (!options.json && options.reporter === "text")
    sayNext(`${origin === undefined ? "selvage test --live http://127.0.0.1:8787, or " : ""}${applying(documents)}`);
}

const applying = (documents: ReadonlySet<string>): string =>
  `selvage apply ${documents.size === 1 ? [...documents][0] : "FILE"}`;

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "")
    throw new CliError(exitCodes.usage, `--live: ${text} is no origin; expected such as http://127.0.0.1:8787`);
  return url.origin;
}
