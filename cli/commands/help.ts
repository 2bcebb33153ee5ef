import { Command } from "commander";
import { type FoundPage, findPage } from "../../shared/config/code-pages/find-page.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { problemCodes } from "../../shared/config/problem.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { columns, print, printJson, style } from "../output.ts";

/** The program with one of its commands loaded; undefined: none. */
type LoadProgram = (name: string | undefined) => Promise<Command>;

export function helpCommand(load: LoadProgram): Command {
  return new Command("help")
    .description("Help for a command, the page of a code of `check`, or all codes. Needs no network.")
    .argument("[topic...]", "a command such as `keys create`, a code such as SLV3012, or `codes`")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage help SLV3012\n  selvage help keys create\n  selvage help codes --json",
    )
    .action((topic: readonly string[], options: JsonOption) => help(topic, options, load));
}

async function help(topic: readonly string[], { json }: JsonOption, load: LoadProgram): Promise<void> {
  const [word = ""] = topic;
  if (word.toLowerCase() === "codes") return allCodes(json === true);
  if (/^(slv)?\d+$/i.test(word)) return onePage(word, json === true);
  if (json) throw new CliError(exitCodes.usage, "--json is for codes: selvage help codes --json");
  commandOf(topic, await load(topic[0])).outputHelp();
}

function commandOf(topic: readonly string[], program: Command): Command {
  let command = program;
  for (const word of topic) {
    const below = command.commands.find((one) => one.name() === word);
    if (below === undefined) {
      const nearest = nearestName(
        word,
        command.commands.map((one) => one.name()),
      );
      const hint = nearest === undefined ? "" : `: did you mean ${nearest}?`;
      throw new CliError(exitCodes.usage, `${command.name()} has no command ${word}${hint}`);
    }
    command = below;
  }
  return command;
}

function onePage(word: string, json: boolean): void {
  const page = findPage(word);
  if (page === undefined) {
    const nearest = nearestName(word.toUpperCase(), Object.keys(problemCodes));
    const hint = nearest === undefined ? "" : ` (${nearest}?)`;
    throw new CliError(exitCodes.usage, `there is no code ${word}${hint}: selvage help codes lists all`);
  }
  if (json) printJson(page);
  else print(pageText(page));
}

function pageText({ code, meaning, why, fix, example }: FoundPage): string {
  const parts = [`${style("bold", code)}  ${meaning}`, `${wrap(why)}`, `${style("ok", "fix")}\n${wrap(fix)}`];
  if (example !== undefined) parts.push(`${style("dim", "example")}\n${indent(example)}`);
  return parts.join("\n\n");
}

const WIDTH = 100;

function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + word.length >= WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return indent(lines.join("\n"));
}

const indent = (text: string): string => text.replace(/^/gm, "  ");

function allCodes(json: boolean): void {
  if (json) {
    printJson({ codes: Object.keys(problemCodes).map(findPage) });
    return;
  }
  print(columns(Object.entries(problemCodes)));
  print("\nselvage help CODE says why, and how to fix it");
}
