import { Command } from "commander";
import type { CanaryChange, CanarySides, CanaryStatus } from "../../shared/wire/canary.ts";
import { percent, shareArgument } from "../canary-options.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { author, connect, type JsonOption, jsonOption, type WaitOptions, withControl, withWait } from "../options.ts";
import { print, printJson, table } from "../output.ts";
import { describeCanary, describeNext, waitForCanary } from "../wait-for-canary.ts";

type Options = ControlOptions & JsonOption;
type ChangeOptions = Options & { readonly reason?: string };

export function canaryCommand(): Command {
  const command = new Command("canary").description(
    "The version that is tried on a share of the requests: how it does, and what becomes of it.",
  );
  const why = ["--reason <text>", "why, for the audit log"] as const;
  const subcommands = [
    withWait(
      new Command("status").description("How it does. With --wait until it has ended. Exit code 1: rolled back."),
    ).action(status),
    withWait(new Command("promote").description("Make it live: all requests at once.").option(...why)).action(promote),
    new Command("abort")
      .description("Roll it back: no request from now on.")
      .option(...why)
      .action(abort),
    new Command("set")
      .description("Give it another share, which ends its steps.")
      .argument("<share>", "such as 25%", shareArgument)
      .option(...why)
      .action(set),
  ];
  for (const one of subcommands) command.addCommand(withControl(one.addOption(jsonOption())));
  return command.addHelpText(
    "after",
    `
Examples:
  selvage apply selvage.yaml --canary 5% --wait
  selvage apply selvage.yaml --steps 1%,10%,50% --canary --every 2m --wait
  selvage canary status
  selvage canary promote --wait`,
  );
}

async function status(options: Options & WaitOptions): Promise<void> {
  const client = connect(options);
  let found = await client.canary();
  if (found !== null && options.wait) found = await waitForCanary(client, found.version, "ended", options.timeout);
  if (options.json) printJson({ canary: found });
  else if (found === null) print("no canary was ever begun: selvage apply selvage.yaml --canary 5%");
  else printCanary(found);
  if (found?.phase === "aborted") throw new CliError(exitCodes.findings, "");
}

async function promote(options: ChangeOptions & WaitOptions): Promise<void> {
  const { client, changed } = await change("promote", options);
  const { version } = changed;
  tell(options.wait ? await waitForCanary(client, version, "ended", options.timeout) : changed, options);
}

async function abort(options: ChangeOptions): Promise<void> {
  tell((await change("abort", options)).changed, options);
}

async function set(share: number, options: ChangeOptions): Promise<void> {
  tell((await change("set", options, share)).changed, options);
}

async function change(act: CanaryChange["act"], options: ChangeOptions, share?: number) {
  const client = connect(options);
  const { reason } = options;
  const more = { ...(share !== undefined && { share }), ...(reason !== undefined && { reason }) };
  return { client, changed: await client.changeCanary({ act, author: author(), ...more }) };
}

function tell(found: CanaryStatus, options: JsonOption): void {
  if (options.json) printJson({ canary: found });
  else print(describeCanary(found));
}

function printCanary(found: CanaryStatus): void {
  print(describeCanary(found));
  const next = describeNext(found, Date.now());
  if (next !== undefined) print(next);
  const { by, match, maxErrors, routes, counts, version, stable } = found;
  const key = typeof by === "object" ? `the header ${by.header}` : by === "ip" ? "client address" : "trace";
  const also = match === undefined ? "" : `, and requests with ${match.header}: ${match.value}`;
  print(`by ${key}${also}; rolled back when more than ${percent(maxErrors * 10_000)} fail\n`);
  const head = ["ROUTE", `VERSION ${version}`, "FAILED", "REFUSED", `VERSION ${stable}`, "FAILED", "REFUSED"];
  const all = { route: "all", ...counts };
  print(table(head, [all, ...routes].map(row)));
}

function row({ route, canary, stable }: CanarySides & { readonly route: string }): string[] {
  return [
    route,
    ...[canary, stable].flatMap(({ requests, errors, refused }) => [requests, errors, refused].map(String)),
  ];
}
