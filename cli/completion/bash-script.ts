import type { CommandWords, ValueKind } from "./command-words.ts";

/** Completions for bash 3.2 and newer: `source <(selvage completion bash)`. */
export function bashScript(all: readonly CommandWords[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => `    "${path}") path="$next" ;;`);
  const values = all.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === "none" ? [] : flags.map((flag) => `    "${path}|${flag}") ${fill(value)} return ;;`),
    ),
  );
  const words = all.map(
    ({ path, commands, options, argument }) =>
      `    "${path}") words="${[...commands.map(({ name }) => name), ...options.flatMap(({ flags }) => flags), ...choices(argument)].join(" ")}"${argument === "file" ? " files=1" : ""} ;;`,
  );
  return `# bash completion of selvage
_selvage() {
  local cur prev path="" next words="" files="" i
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
${paths.join("\n")}
    esac
  done
  case "$path|$prev" in
${values.join("\n")}
  esac
  case "$path" in
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n "$files" && "$cur" != -* ]]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o default -F _selvage selvage
`;
}

function fill(value: ValueKind): string {
  if (value === "file") return 'COMPREPLY=($(compgen -f -- "$cur"));';
  return value === "any" ? "" : `COMPREPLY=($(compgen -W "${choices(value).join(" ")}" -- "$cur"));`;
}

const choices = (value: ValueKind): readonly string[] => (typeof value === "string" ? [] : value);
