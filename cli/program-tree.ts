/** The tree of commands: all names, and what stands behind those that are needed. */
import { Command } from "commander";
import { type CommandEntry, commandGroups, entry } from "./command-table.ts";
import { packageVersion } from "./local/package-root.ts";

/** Commands that look at all commands. */
const about: readonly CommandEntry[] = [
  entry("completion", "completions for bash, zsh or fish", async () =>
    (await import("./commands/completion.ts")).completionCommand(wholeProgram),
  ),
  entry("help", "help for a command, or the page of a code such as SLV3012", async () =>
    (await import("./commands/help.ts")).helpCommand((name) => makeProgram((one) => one.name === name)),
  ),
];
const allGroups = [...commandGroups, ["Help:", about] as const];

/** @param wanted commands to load; the others are names alone */
export async function makeProgram(wanted: (entry: CommandEntry) => boolean): Promise<Command> {
  const program = new Command("selvage")
    .description("An API gateway at the edge, a service mesh inside, and one document over both.")
    .version(packageVersion)
    .showHelpAfterError("(selvage help shows the commands)")
    .exitOverride()
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Exit codes: 0 ok, 1 findings or denied, 2 wrong usage or invalid document, 3 control plane unreachable.

Examples:
  selvage check selvage.yaml
  selvage help apply`,
    );
  for (const [title, entries] of allGroups)
    for (const one of entries) {
      const command = wanted(one) ? await one.load() : new Command(one.name);
      adopt(command.summary(one.summary).helpGroup(title), program);
      program.addCommand(command);
    }
  return program;
}

/** With every command loaded, for what looks at all of them. */
export function wholeProgram(): Promise<Command> {
  return makeProgram(() => true);
}

/** The command that a command line names; undefined: none does. */
export function namedCommand(args: readonly string[]): CommandEntry | undefined {
  const word = args.find((one) => !one.startsWith("-"));
  return allGroups.flatMap(([, entries]) => entries).find(({ name }) => name === word);
}

/** Errors of a command below another must not end the process either. */
function adopt(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent).exitOverride();
  for (const below of command.commands) adopt(below, command);
}
