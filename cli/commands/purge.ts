import { Command } from "commander";
import type { PurgeScope } from "../../shared/cache/purges.ts";
import { describePurgeAnswer, type PurgeRequest, pathScope, purgeRequestSchema } from "../../shared/wire/purges.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { print, printJson, say } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly tag?: readonly string[];
  readonly path?: readonly string[];
  readonly host?: string;
  readonly all?: boolean;
  readonly soft?: boolean;
}

export function purgeCommand(): Command {
  const command = new Command("purge")
    .description("Stop serving stored answers: by tag, by path, or all of them.")
    .option("--tag <tags...>", "answers with any of these tags")
    .option(
      "--path <paths...>",
      "answers of these paths, with every query unless one is given; /orders/* for all below",
    )
    .option("--host <host>", "with --path: of this host alone")
    .option("--all", "everything")
    .option("--soft", "keep them: they are stale, and may be served while they are asked for again")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Every gateway honours a purge within five seconds, also for answers that were on their way when it was made.

Examples:
  selvage purge --tag orders
  selvage purge --tag orders customer-17 --soft
  selvage purge --path '/orders/*' --host api.shop.example
  selvage purge --all`,
    );
  return withControl(command).action(purge);
}

async function purge(options: Options): Promise<void> {
  const done = await connect(options).purge(requestOf(options));
  if (options.json) return printJson(done);
  say(`purged ${describePurgeAnswer(done)}; visible everywhere within ${done.visibleWithinMs / 1000} s`);
  print(String(done.purges.at(-1)?.number));
}

/** @throws CliError for what is not to be purged */
export function requestOf({ tag = [], path = [], host, all = false, soft = false }: Options): PurgeRequest {
  if (all === tag.length + path.length > 0)
    throw new CliError(exitCodes.usage, "say what to purge: --tag TAG, --path PATH, or --all alone");
  if (host !== undefined && path.length === 0)
    throw new CliError(exitCodes.usage, "--host goes with --path: tags are the same for all hosts");
  const scopes: PurgeScope[] = all ? [{ kind: "all" }] : tag.map((one) => ({ kind: "tag", tag: one }));
  for (const text of path) {
    const scope = pathScope(text, host);
    if ("refused" in scope) throw new CliError(exitCodes.usage, `--path ${text}: ${scope.refused}`);
    scopes.push(scope);
  }
  const { data, error } = purgeRequestSchema.safeParse({ scopes, ...(soft && { soft }) });
  if (data !== undefined) return data;
  const reasons = error.issues.map((issue) => `${issue.path.slice(1).join(".")}: ${issue.message}`);
  throw new CliError(exitCodes.usage, `not to be purged: ${reasons.join("; ")}`);
}
