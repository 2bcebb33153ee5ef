/** What can stand where on a command line, as the tree of commands says it. */
import type { Command, Option } from "commander";

export interface OptionWord {
  /** `--json`, and `-H` where it has one. */
  readonly flags: readonly string[];
  readonly about: string;
  readonly value: ValueKind;
}

/** What follows: nothing, a file, one of these, or something that only the user knows. */
export type ValueKind = "none" | "file" | "any" | readonly string[];

export interface CommandWords {
  /** `mesh status`; empty: the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly OptionWord[];
  /** Of its arguments, all of them together. */
  readonly argument: ValueKind;
}

/** Every command, the program first. */
export function commandWords(program: Command, path = ""): CommandWords[] {
  const commands = program.commands.map((one) => ({ name: one.name(), about: one.summary() || one.description() }));
  const help: OptionWord = { flags: ["--help"], about: "help for this command", value: "none" };
  const own = {
    path,
    commands,
    options: [...program.options.filter(({ hidden }) => !hidden).map(optionWord), help],
    argument: path === "help" ? (program.parent?.commands.map((one) => one.name()) ?? "any") : argumentKind(program),
  };
  const below = program.commands.map((one) => commandWords(one, path === "" ? one.name() : `${path} ${one.name()}`));
  return [own, ...below.flat()];
}

function optionWord(option: Option): OptionWord {
  const { long, short, description, argChoices, required, optional, flags } = option;
  const kind = argChoices ?? (isFile(flags) ? "file" : "any");
  return {
    flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
    about: description,
    value: required || optional ? kind : "none",
  };
}

function argumentKind({ registeredArguments: all }: Command): ValueKind {
  const choices = all.flatMap(({ argChoices }) => argChoices ?? []);
  if (choices.length > 0) return choices;
  if (all.some((argument) => isFile(argument.name()))) return "file";
  return all.length > 0 ? "any" : "none";
}

const isFile = (text: string): boolean => /\b(files?|folder|document)\b/.test(text);
