import { Argument, Command, Option } from "commander";
import { limits } from "../../shared/limits.ts";
import { USAGE_BY, type UsageBy } from "../../shared/policy/usage-report.ts";
import type { UsageAnswer } from "../../shared/wire/usage.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { print, printJson, say } from "../output.ts";
import { nextSteps, shadowTable } from "../shadow-table.ts";
import { CSV_HEAD, csvLines, outageLines, usageTable } from "../usage-table.ts";

interface StatOptions extends ControlOptions, JsonOption {
  readonly window: number;
  readonly route?: string;
  readonly consumer?: string;
  readonly of?: string;
  readonly export?: "csv" | "ndjson";
}

export function statCommand(): Command {
  const command = new Command("stat")
    .description(
      "Requests, success, latency and errors, by route, consumer, plan, service or edge of the mesh; or what policies in shadow would refuse.",
    )
    .addArgument(new Argument("[by]", "what they are told by").choices([...USAGE_BY, "shadow"]).default("routes"))
    .option("--window <duration>", "how far back, at most 90 days (2160h)", durationArgument, 3_600_000)
    .option("--route <name>", "requests of this route alone")
    .option("--consumer <name>", "requests of this consumer alone")
    .option("--of <service>", "with edges: those from and to this service alone")
    .addOption(new Option("--export <format>", "each slot of time on its own").choices(["csv", "ndjson"]))
    .addOption(jsonOption().conflicts("export"))
    .addHelpText(
      "after",
      `
Examples:
  selvage stat
  selvage stat consumers --route orders --window 24h
  selvage stat services --json
  selvage stat edges --of orders
  selvage stat shadow --window 24h
  selvage stat routes --window 168h --export csv > usage.csv`,
    );
  return withControl(command).action(stat);
}

async function stat(by: UsageBy | "shadow", { window, route, consumer, of, ...options }: StatOptions): Promise<void> {
  refuseFilters(by, window, route ?? consumer, of);
  if (by === "shadow") return statShadow(window, options);
  const answer = await connect(options).usage({
    by,
    windowMs: String(window),
    ...(route !== undefined && { route }),
    ...(consumer !== undefined && { consumer }),
    ...(of !== undefined && { of }),
    ...(options.export !== undefined && { each: "slots" }),
  });
  if (options.json) return printJson(answer);
  if (options.export === "csv") return printCsv(answer);
  if (options.export === "ndjson") return printLines(answer);
  if (answer.rows.length === 0) return print(`nothing was counted since ${new Date(answer.fromMs).toISOString()}`);
  print(usageTable(answer));
  for (const line of outageLines(answer.rows)) print(line);
  if (by === "services") say("these are the gateway's calls; those within the mesh: selvage stat edges");
  if (answer.leftOut > 0) say(`${answer.leftOut} rows with fewer requests are left out`);
}

/** What would happen if it were enforced. */
async function statShadow(
  window: number,
  options: Pick<StatOptions, "json" | "export"> & ControlOptions,
): Promise<void> {
  if (options.export !== undefined)
    throw new CliError(exitCodes.usage, "what policies in shadow would refuse is not told by slots: use --json");
  const answer = await connect(options).shadow({ windowMs: String(window) });
  if (options.json) return printJson(answer);
  if (answer.rows.length === 0) {
    print(`no policy in shadow has judged a request since ${new Date(answer.fromMs).toISOString()}`);
    return say("Put one there by `mode: shadow`: docs/shadow.md");
  }
  print(shadowTable(answer));
  if (answer.leftOut > 0) say(`${answer.leftOut} rows that would refuse less are left out`);
  for (const line of nextSteps(answer)) say(line);
}

function refuseFilters(
  by: UsageBy | "shadow",
  window: number,
  filter: string | undefined,
  of: string | undefined,
): void {
  if (by === "shadow" && filter !== undefined)
    throw new CliError(exitCodes.usage, "policies in shadow are all told together: leave out the filter");
  if ((by === "services" || by === "edges") && filter !== undefined)
    throw new CliError(exitCodes.usage, "calls to services are not counted by route or consumer: leave out the filter");
  if (by !== "edges" && of !== undefined)
    throw new CliError(exitCodes.usage, "--of is for edges: selvage stat edges --of SERVICE");
  const { keptMs } = limits.usage.resolutions.day;
  if (window < 1 || window > keptMs)
    throw new CliError(
      exitCodes.usage,
      `usage is kept for ${keptMs / 86_400_000} days: give a --window of at most 2160h`,
    );
}

function printCsv({ slots }: UsageAnswer): void {
  print(CSV_HEAD);
  for (const { atMs, rows } of slots ?? []) for (const line of csvLines(rows, atMs)) print(line);
}

function printLines({ by, slotMs, slots }: UsageAnswer): void {
  for (const { atMs, rows } of slots ?? [])
    for (const row of rows) print(JSON.stringify({ fromMs: atMs, toMs: atMs + slotMs, by, ...row }));
}
