import { Command } from "commander";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, table } from "../output.ts";

/** What the control plane counted of a route. */
interface RouteRow {
  readonly route: string;
  readonly requests: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** A command that shows such rows, of all routes or of one. */
export interface RouteReport<Row extends RouteRow> {
  readonly name: string;
  readonly description: string;
  /** Of a route, for the help. */
  readonly example: string;
  /** Of the JSON. */
  readonly member: string;
  /** Heads of columns between the route and its counts, and what stands below them. */
  readonly columns: readonly string[];
  cells(row: Row): readonly string[];
  read(control: ControlClient): Promise<readonly Row[]>;
  /** Said where there is nothing. */
  none(route: string | undefined): string;
}

interface ReportOptions extends ControlOptions, JsonOption {
  readonly route?: string;
}

export function reportByRoute<Row extends RouteRow>(report: RouteReport<Row>): Command {
  const { name, description, example } = report;
  const command = new Command(name)
    .description(description)
    .option("--route <name>", "of this route alone")
    .addOption(jsonOption())
    .addHelpText("after", `\nExamples:\n  selvage ${name}\n  selvage ${name} --route ${example} --json`);
  return withControl(command).action((options: ReportOptions) => show(report, options));
}

async function show<Row extends RouteRow>(
  { member, columns, cells, read, none }: RouteReport<Row>,
  { route, ...options }: ReportOptions,
): Promise<void> {
  const all = await read(connect(options));
  const found = route === undefined ? all : all.filter((one) => one.route === route);
  if (options.json) return printJson({ [member]: found });
  if (found.length === 0) return print(none(route));
  const nowMs = Date.now();
  const rows = found.map((row) => [
    ...[row.route, ...cells(row), String(row.requests)],
    ...[row.lastAtMs, row.firstAtMs].map((atMs) => `${ago(nowMs - atMs)} ago`),
  ]);
  print(table(["ROUTE", ...columns, "REQUESTS", "LAST", "FIRST"], rows));
}
