/** Options that several commands share, and how their values are read. */
import { userInfo } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs } from "../shared/config/units.ts";
import { ControlClient } from "./control-client.ts";
import { type ControlOptions, findControl } from "./find-system.ts";

export interface JsonOption {
  readonly json?: boolean;
}

export interface WaitOptions {
  readonly wait?: boolean;
  readonly timeout: number;
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON for programs");
}

/** Adds how the control plane is found. */
export function withControl(command: Command): Command {
  return command
    .option("--control <url>", "control plane (SELVAGE_CONTROL_URL, else the local system)")
    .option("--token <token>", "token of the API (SELVAGE_TOKEN, else the local system's)");
}

export function withWait(command: Command): Command {
  return command
    .option("--wait", "wait until every live gateway and connected agent serves it")
    .option("--timeout <duration>", "how long to wait", durationArgument, 30_000);
}

export function connect(options: ControlOptions): ControlClient {
  return new ControlClient(findControl(options, process.env));
}

/** Adds which version a change is meant to replace. */
export function withExpect(command: Command): Command {
  return command.option(
    "--expect <version>",
    "refuse when another version is live than this one (default: the one that the change is shown against)",
    versionArgument,
  );
}

/** Who is written down for a change. */
export function author(): string {
  if (process.env.SELVAGE_AUTHOR) return process.env.SELVAGE_AUTHOR;
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}

/** Milliseconds of a duration such as `30s`. */
export function durationArgument(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError("Expected a duration such as 300ms, 10s, 5m or 12h.");
  return ms;
}

export function versionArgument(text: string): number {
  const digits = /^v?(\d{1,12})$/.exec(text)?.[1];
  if (digits === undefined || Number(digits) < 1)
    throw new InvalidArgumentError("Expected the number of a version, such as 7.");
  return Number(digits);
}
