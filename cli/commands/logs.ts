import { Command, InvalidArgumentError, Option } from "commander";
import { dev } from "../../shared/limits/dev.ts";
import { followLog } from "../dev/follow-log.ts";
import type { ControlOptions } from "../find-system.ts";
import { LOG_LEVELS, type LogEntry, type LogLevel, readLine } from "../logs/log-entry.ts";
import { isWanted, type LogFilter, onceEach } from "../logs/log-filter.ts";
import { logRow } from "../logs/log-row.ts";
import { type LogSource, logSources } from "../logs/log-sources.ts";
import { readLog } from "../logs/read-log.ts";
import { durationArgument, type JsonOption, jsonOption } from "../options.ts";
import { print, say } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly follow?: boolean;
  readonly since?: number;
  readonly level: LogLevel;
  readonly trace?: string;
  readonly lines?: number;
}

export function logsCommand(): Command {
  return new Command("logs")
    .description("What the processes of the local system and their applications wrote, together and filtered.")
    .argument("[who...]", "gateway, control, front, a service or an instance (default: all)")
    .option("-f, --follow", "go on with what is written from now on")
    .option("--since <duration>", "how far back", durationArgument)
    .addOption(new Option("--level <level>", "lines of this level and worse").choices(LOG_LEVELS).default("info"))
    .option("--trace <id>", "lines of this trace alone, or of those that begin so", traceArgument)
    .option("-n, --lines <count>", `the last so many (default: ${dev.logLines}; with --since all)`, linesArgument)
    .option("--control <url>", "control plane (SELVAGE_CONTROL_URL, else the local system)")
    .addOption(jsonOption())
    .addOption(new Option("--ndjson", "the same as --json: a line each").implies({ json: true }))
    .addHelpText(
      "after",
      `
A request that failed is a line of level error, one that Selvage itself refused of level warn.

Examples:
  selvage logs --follow
  selvage logs gateway orders --since 10m --level warn
  selvage logs --trace 4bf92f3577b34da6 --json | jq .message`,
    )
    .action(logs);
}

function traceArgument(text: string): string {
  if (!/^[0-9a-f]{1,32}$/.test(text)) throw new InvalidArgumentError("Expected hex digits, as `traceId` has them.");
  return text;
}

function linesArgument(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > dev.logLinesMax)
    throw new InvalidArgumentError(`Expected a number from 1 to ${dev.logLinesMax}.`);
  return count;
}

async function logs(names: readonly string[], options: Options): Promise<void> {
  const sources = logSources(names, options);
  const { since, level, trace } = options;
  const filter: LogFilter = {
    level,
    ...(since !== undefined && { sinceMs: Date.now() - since }),
    ...(trace !== undefined && { trace }),
  };
  const isAll = since !== undefined || trace !== undefined;
  const max = options.lines ?? (isAll ? dev.logLinesMax : dev.logLines);
  const read = sources.map(({ process, file }) => readLog(process, file, filter, max));
  const isNew = onceEach();
  const all = inOrder(read.flatMap(({ entries }) => entries)).filter(isNew);
  const screen = new Screen(sources, options.json === true);
  if (isAll && all.length > max) say(`older lines are left out: ask for more than ${max} by -n, or for less time`);
  for (const entry of all.slice(-max)) screen.show(entry);
  if (options.follow)
    await follow(
      sources,
      read.map(({ end }) => end),
      filter,
      (entry) => isNew(entry) && screen.show(entry),
    );
  else if (all.length === 0) say("nothing was written that fits");
}

/** Entries of one process stay in its order. */
function inOrder(entries: readonly LogEntry[]): LogEntry[] {
  return entries.toSorted((one, other) => (one.atMs ?? 0) - (other.atMs ?? 0));
}

/** Until somebody ends it, or whoever reads the output has gone. */
async function follow(
  sources: readonly LogSource[],
  from: readonly number[],
  filter: LogFilter,
  show: (entry: LogEntry) => void,
): Promise<void> {
  const ends = sources.map(({ process, file }, at) => {
    let lastMs: number | undefined;
    const take = (line: string): void => {
      const entry = readLine(process, line);
      if (entry === undefined) return;
      lastMs = entry.atMs ?? lastMs ?? Date.now();
      const timed = { ...entry, atMs: lastMs };
      if (isWanted(timed, filter)) show(timed);
    };
    return followLog(file, take, from[at]);
  });
  await new Promise<void>((over) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => over());
    process.stdout.once("error", () => over());
  });
  for (const end of ends) end();
}

class Screen {
  readonly #isJson: boolean;
  readonly #width: number;

  constructor(sources: readonly LogSource[], isJson: boolean) {
    this.#isJson = isJson;
    this.#width = Math.max(...sources.map(({ process }) => process.length));
  }

  show(entry: LogEntry): void {
    const { process, level, atMs, text, members } = entry;
    const time = atMs === undefined ? {} : { time: new Date(atMs).toISOString() };
    const said = { ...time, process, ...(members ?? { message: text }), level };
    print(this.#isJson ? JSON.stringify(said) : logRow(entry, this.#width));
  }
}
