import { readFileSync } from "node:fs";
import { Command } from "commander";
import { parse, stringify } from "yaml";
import { limits } from "../../shared/limits.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type Loose, objectOf } from "../import-arazzo/loose.ts";
import type { Source } from "../import-arazzo/operations.ts";
import { importArazzo } from "../import-arazzo/workflow.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, say, style } from "../output.ts";

export function importCommand(): Command {
  return new Command("import")
    .description("Write parts of a document from what others describe.")
    .addCommand(arazzoCommand())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage import arazzo buy.arazzo.yaml --source shop=shop.openapi.yaml --service shop=orders\n  selvage help import arazzo",
    );
}

interface ArazzoOptions extends JsonOption {
  readonly workflow?: string;
  readonly source: readonly string[];
  readonly service: readonly string[];
}

function arazzoCommand(): Command {
  return new Command("arazzo")
    .description("A workflow of Arazzo 1.0 or 1.1 as a route that composes its answer.")
    .argument("<file>", "Arazzo description in YAML or JSON")
    .option("--workflow <id>", "which one (default: the only one)")
    .option("--source <name=file>", "OpenAPI document of a source description; once for each", append, [])
    .option(
      "--service <name=service>",
      "mesh service that answers for a source (default: its first server)",
      append,
      [],
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nWrites the route to stdout. What has no equivalent is said on stderr, and the exit code is 1.\n\nExample:\n  selvage import arazzo buy.arazzo.yaml --source shop=shop.openapi.yaml --service shop=orders",
    )
    .action(run);
}

const append = (given: string, all: readonly string[]): string[] => [...all, given];

function run(file: string, options: ArazzoOptions): void {
  const services = new Map(options.service.map((one) => pair(one, "--service")));
  const sources = options.source.map((one): Source => {
    const [name, path] = pair(one, "--source");
    const service = services.get(name);
    return { name, openapi: objectOf(readDocument(path)), ...(service !== undefined && { service }) };
  });
  const { workflow } = options;
  const { route, losses } = imported(
    readDocument(file),
    { sources, ...(workflow !== undefined && { workflow }) },
    file,
  );
  if (options.json) printJson({ route, losses });
  else {
    print(stringify([route], { lineWidth: 0 }).trimEnd());
    for (const { place, reason } of losses) say(`${style("warn", "lost")} ${place}: ${reason}`);
  }
  if (losses.length > 0)
    throw new CliError(
      exitCodes.findings,
      options.json ? "" : `${losses.length} things of ${file} have no equivalent here`,
    );
}

function imported(
  ...[document, options, file]: [...Parameters<typeof importArazzo>, string]
): ReturnType<typeof importArazzo> {
  try {
    return importArazzo(document, options);
  } catch (fault) {
    throw new CliError(exitCodes.usage, `${file}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}

function pair(text: string, option: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new CliError(exitCodes.usage, `${option} takes NAME=VALUE, not ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function readDocument(file: string): Loose {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length > limits.control.documentBytesMax)
      throw new Error(`it has more than ${limits.control.documentBytesMax} bytes`);
    return objectOf(parse(text, { maxAliasCount: 100 }));
  } catch (fault) {
    throw new CliError(
      exitCodes.usage,
      `${file} cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`,
    );
  }
}
