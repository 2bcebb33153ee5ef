import type { CommandWords, OptionWord, ValueKind } from "./command-words.ts";

/** Completions for fish: `selvage completion fish | source`. */
export function fishScript(all: readonly CommandWords[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => quote(path));
  const lines = all.flatMap(({ path, commands, options, argument }) => {
    const here = `-n ${quote(`__selvage_at ${quote(path)}`)}`;
    return [
      ...commands.map(({ name, about }) => `complete -c selvage ${here} -a ${quote(name)} -d ${quote(about)}`),
      ...options.map((option) => `complete -c selvage ${here} ${optionFlags(option)} -d ${quote(option.about)}`),
      ...argumentLine(argument, here),
    ];
  });
  return `# fish completion of selvage
function __selvage_at
  set -l at
  for word in (commandline -opc)[2..]
    set -l next (string join -- ' ' $at $word)
    if contains -- "$next" ${paths.join(" ")}
      set at $next
    end
  end
  test "$at" = "$argv[1]"
end
complete -c selvage -f
${lines.join("\n")}
`;
}

function optionFlags({ flags, value }: OptionWord): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${quote(flag.slice(2))}` : `-s ${flag.slice(1)}`));
  const given =
    value === "none" ? [] : value === "file" ? ["-r -F"] : value === "any" ? ["-x"] : [`-x -a ${list(value)}`];
  return [...names, ...given].join(" ");
}

function argumentLine(argument: ValueKind, here: string): string[] {
  if (argument === "none" || argument === "any") return [];
  return [`complete -c selvage ${here} ${argument === "file" ? "-F" : `-a ${list(argument)}`}`];
}

const list = (words: ValueKind): string => quote(typeof words === "string" ? "" : words.join(" "));
const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
