import { setTimeout as sleep } from "node:timers/promises";
import { Argument, Command } from "commander";
import { limits } from "../../shared/limits.ts";
import { USAGE_BY, type UsageBy } from "../../shared/policy/usage-report.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { print, printJson } from "../output.ts";
import { usageTable } from "../usage-table.ts";

interface TopOptions extends ControlOptions, JsonOption {
  readonly every: number;
  readonly once?: boolean;
}

/** The window is of whole minutes: the one that grows, and the one before. */
const WINDOW_MS = limits.usage.resolutions.minute.slotMs;
/** Lines of a terminal that does not say how many it has. */
const ROWS = 24;

export function topCommand(): Command {
  const command = new Command("top")
    .description("The busiest of the last minute or two, live on a terminal, else once.")
    .addArgument(new Argument("[by]", "what they are told by").choices(USAGE_BY).default("routes"))
    .option("--every <duration>", "how often it asks anew, at least 1s", durationArgument, limits.usage.topEveryMs)
    .option("--once", "show it once")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage top\n  selvage top services\n  selvage top --once --json");
  return withControl(command).action(top);
}

async function top(by: UsageBy, { every, once, json, ...options }: TopOptions): Promise<void> {
  const control = connect(options);
  const isLive = !once && !json && process.stdout.isTTY === true;
  for (;;) {
    const answer = await control.usage({ by, windowMs: String(WINDOW_MS) });
    if (json) return printJson(answer);
    const lines = (process.stdout.rows ?? ROWS) - 3;
    const rows = isLive ? answer.rows.slice(0, Math.max(1, lines)) : answer.rows;
    const shown = rows.length === 0 ? "no requests yet" : usageTable({ by, rows });
    if (!isLive) return print(shown);
    // Home, and what was there before goes: nothing of it may shine through.
    print(`\u001b[H\u001b[J${new Date(answer.toMs).toISOString().slice(11, 19)}Z  Ctrl-C ends it\n${shown}`);
    await sleep(Math.max(1_000, every));
  }
}
