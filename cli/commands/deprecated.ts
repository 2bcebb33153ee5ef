import { Command } from "commander";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, table } from "../output.ts";

interface DeprecatedOptions extends ControlOptions, JsonOption {
  readonly route?: string;
}

export function deprecatedCommand(): Command {
  const command = new Command("deprecated")
    .description("Who still calls deprecated routes, the last caller first.")
    .option("--route <name>", "of this route alone")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage deprecated\n  selvage deprecated --route orders-v1 --json");
  return withControl(command).action(deprecated);
}

async function deprecated({ route, ...options }: DeprecatedOptions): Promise<void> {
  const all = await connect(options).deprecatedCallers();
  const callers = route === undefined ? all : all.filter((one) => one.route === route);
  if (options.json) return printJson({ callers });
  if (callers.length === 0) return print("nobody called a deprecated route");
  const nowMs = Date.now();
  const rows = callers.map(({ route: name, caller, requests, firstAtMs, lastAtMs }) => [
    ...[name, caller, String(requests), `${ago(nowMs - lastAtMs)} ago`, `${ago(nowMs - firstAtMs)} ago`],
  ]);
  print(table(["ROUTE", "CALLER", "REQUESTS", "LAST", "FIRST"], rows));
}
