/** Options of `selvage apply` that try a version on a share of the requests first. */
import { type Command, InvalidArgumentError } from "commander";
import { limits } from "../shared/limits.ts";
import type { CanaryRequest } from "../shared/wire/canary.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { durationArgument } from "./options.ts";

export interface CanaryOptions {
  /** Of 10,000; true: the first step. */
  readonly canary?: number | true;
  readonly steps?: readonly number[];
  readonly every?: number;
  readonly header?: NonNullable<CanaryRequest["match"]>;
  readonly sticky?: NonNullable<CanaryRequest["by"]>;
  readonly maxErrors?: number;
}

export function withCanary(command: Command): Command {
  return command
    .option("--canary [share]", "try it on a share of the requests first, such as 5%", shareArgument)
    .option("--steps <shares>", "shares that follow while the error budget holds, such as 1%,10%,50%", stepsArgument)
    .option(
      "--every <duration>",
      "how long a step takes; after the last one it is live (2m with --steps)",
      everyArgument,
    )
    .option("--header <name=value>", "requests with this header get it whatever the share", headerArgument)
    .option("--sticky <key>", "by what a client stays on one side: ip (default), trace or header:NAME", stickyArgument)
    .option("--max-errors <share>", "share of failed requests that rolls it back (5%)", errorsArgument);
}

/** @returns undefined: it becomes live at once. @throws CliError (exit 2) for options that contradict each other */
export function canaryRequest(options: CanaryOptions): CanaryRequest | undefined {
  const { canary, steps = [], header, sticky, maxErrors } = options;
  const needless = (["steps", "every", "header", "sticky", "maxErrors"] as const).filter((key) => key in options);
  if (canary === undefined) {
    if (needless.length === 0) return undefined;
    throw new CliError(exitCodes.usage, `--${dashed(needless[0] ?? "")} is about a canary: say --canary SHARE, too`);
  }
  const shares = canary === true || steps[0] === canary ? [...steps] : [canary, ...steps];
  if (shares.length === 0) throw new CliError(exitCodes.usage, "--canary needs a share, such as 5%, or --steps");
  const falls = shares.findIndex((share, at) => at > 0 && share <= (shares[at - 1] ?? 0));
  if (falls > 0) throw new CliError(exitCodes.usage, "--steps: each share must be more than the one before");
  if (shares.length > limits.canary.stepsMax)
    throw new CliError(exitCodes.usage, `--steps: at most ${limits.canary.stepsMax} shares`);
  const everyMs = options.every ?? (shares.length > 1 ? limits.canary.everyMs : undefined);
  return {
    steps: shares,
    ...(everyMs !== undefined && { everyMs }),
    ...(header !== undefined && { match: header }),
    ...(sticky !== undefined && { by: sticky }),
    ...(maxErrors !== undefined && { maxErrors }),
  };
}

/** Of 10,000 requests. @throws InvalidArgumentError for what is no share of 0 to 100 % in hundredths of a percent */
export function shareArgument(text: string): number {
  const digits = /^(\d{1,3}(?:\.\d{1,2})?)%?$/.exec(text)?.[1];
  const share = Math.round(Number(digits) * 100);
  if (digits === undefined || share > limits.canary.sharesMax)
    throw new InvalidArgumentError("Expected a share from 0% to 100%, such as 5% or 0.25%.");
  return share;
}

export const percent = (share: number): string => `${share / 100} %`;

const stepsArgument = (text: string): number[] => text.split(",").map((one) => shareArgument(one.trim()));
const errorsArgument = (text: string): number => shareArgument(text) / limits.canary.sharesMax;
const dashed = (key: string): string => (key === "maxErrors" ? "max-errors" : key);

function everyArgument(text: string): number {
  const ms = durationArgument(text);
  const { everyMsMin, everyMsMax } = limits.canary;
  if (ms < everyMsMin || ms > everyMsMax) throw new InvalidArgumentError("Expected from 1s to 7 days.");
  return ms;
}

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

function headerArgument(text: string): NonNullable<CanaryRequest["match"]> {
  const at = text.indexOf("=");
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || !NAME.test(name) || value === "") throw new InvalidArgumentError("Expected NAME=VALUE of a header.");
  return { header: name.toLowerCase(), value };
}

function stickyArgument(text: string): NonNullable<CanaryRequest["by"]> {
  if (text === "ip" || text === "trace") return text;
  const name = /^header:(.+)$/.exec(text)?.[1];
  if (name === undefined || !NAME.test(name)) throw new InvalidArgumentError("Expected ip, trace or header:NAME.");
  return { header: name.toLowerCase() };
}
