import type { CommandWords, ValueKind } from "./command-words.ts";

/** Completions for zsh: a file `_selvage` in `$fpath`, or `source <(selvage completion zsh)`. */
export function zshScript(all: readonly CommandWords[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => `      ${quote(path)}) at="$next" ;;`);
  const values = all.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === "none" ? [] : flags.map((flag) => `    ${quote(`${path}|${flag}`)}) ${fill(value)}; return ;;`),
    ),
  );
  const words = all.map(({ path, commands, options, argument }) => {
    const described = [
      ...commands.map(({ name, about }) => quote(`${name}:${about.replaceAll(":", "\\:")}`)),
      ...options.flatMap(({ flags, about }) => flags.map((flag) => quote(`${flag}:${about.replaceAll(":", "\\:")}`))),
    ];
    const more = argument === "none" || argument === "any" ? "" : `; ${fill(argument)}`;
    return `    ${quote(path)}) said=(${described.join(" ")}); _describe command said${more} ;;`;
  });
  return `#compdef selvage
# zsh completion of selvage
_selvage() {
  local at="" next word
  local -a said
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    next="\${at:+$at }$word"
    case "$next" in
${paths.join("\n")}
    esac
  done
  case "$at|\${words[CURRENT-1]}" in
${values.join("\n")}
  esac
  case "$at" in
${words.join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == "_selvage" ]]; then _selvage "$@"; else compdef _selvage selvage; fi
`;
}

function fill(value: ValueKind): string {
  if (value === "file") return "_files";
  return typeof value === "string" ? ":" : `compadd -- ${value.map(quote).join(" ")}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
