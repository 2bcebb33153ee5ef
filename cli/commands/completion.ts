import { Argument, Command } from "commander";
import { bashScript } from "../completion/bash-script.ts";
import { type CommandWords, commandWords } from "../completion/command-words.ts";
import { fishScript } from "../completion/fish-script.ts";
import { zshScript } from "../completion/zsh-script.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson } from "../output.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  string,
  (all: readonly CommandWords[]) => string
>;
type Shell = keyof typeof scripts;

/** @param wholeProgram every command, loaded */
export function completionCommand(wholeProgram: () => Promise<Command>): Command {
  return new Command("completion")
    .description("Print the completions for a shell: commands, options and what they take. Needs no network.")
    .addArgument(new Argument("<shell>", "the shell that you use").choices(Object.keys(scripts)))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  source <(selvage completion bash)                                  in ~/.bashrc
  selvage completion zsh > "\${fpath[1]}/_selvage"
  selvage completion fish > ~/.config/fish/completions/selvage.fish`,
    )
    .action(async (shell: Shell, options: JsonOption) => completion(shell, await wholeProgram(), options));
}

function completion(shell: Shell, program: Command, { json }: JsonOption): void {
  const words = commandWords(program);
  if (json) printJson({ shell, commands: words });
  else print(scripts[shell](words).trimEnd());
}
