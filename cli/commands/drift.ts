import { Command } from "commander";
import { limits } from "../../shared/limits.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, table } from "../output.ts";

interface DriftOptions extends ControlOptions, JsonOption {
  readonly route?: string;
}

const DAY_MS = 86_400_000;

export function driftCommand(): Command {
  const command = new Command("drift")
    .description("Where requests and answers broke the contracts of their routes, the last first.")
    .option("--route <name>", "of this route alone")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage drift\n  selvage drift --route orders --json");
  return withControl(command).action(drift);
}

async function drift({ route, ...options }: DriftOptions): Promise<void> {
  const all = await connect(options).drift();
  const found = route === undefined ? all : all.filter((one) => one.route === route);
  if (options.json) return printJson({ drift: found });
  if (found.length === 0) {
    const of = route === undefined ? "" : ` of ${route}`;
    const days = limits.validation.placesKeptMs / DAY_MS;
    return print(`no request or answer${of} was found to break its contract in the last ${days} days`);
  }
  const nowMs = Date.now();
  const rows = found.map(({ route: name, operation, side, place, keyword, requests, firstAtMs, lastAtMs }) => [
    ...[name, operation, side, place, keyword, String(requests)],
    ...[`${ago(nowMs - lastAtMs)} ago`, `${ago(nowMs - firstAtMs)} ago`],
  ]);
  print(table(["ROUTE", "OPERATION", "SIDE", "PLACE", "KEYWORD", "REQUESTS", "LAST", "FIRST"], rows));
}
