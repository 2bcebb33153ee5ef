/**
 * A document of several files as one text: the main file, then each included one after a line that names it. So it travels,
 * is kept with its version and can be loaded again as it was, each problem at its own file and line.
 */

export interface TextFile {
  /** As the main file finds it, `teams/payments.yaml`; empty: the main file. */
  readonly name: string;
  readonly text: string;
}

const MARK = "--- # selvage: file ";

/** @returns undefined when a text has a line that would be taken for the beginning of another file */
export function joinFiles(files: readonly TextFile[]): string | undefined {
  if (files.some(({ text }) => text.split("\n").some((line) => line.startsWith(MARK)))) return undefined;
  return files.map(({ name, text }, at) => (at === 0 ? text : `${MARK}${name}\n${text}`)).reduce(append, "");
}

/** The mark stands at the beginning of a line. */
function append(before: string, text: string): string {
  return before === "" || before.endsWith("\n") ? before + text : `${before}\n${text}`;
}

/** The files of a text; the first is the main one. */
export function splitFiles(text: string): TextFile[] {
  // After a line feed alone: other ends of lines are none to those who join files, and to YAML most of them are not either.
  const [main = "", ...others] = text.split(/(?<![^\n])--- # selvage: file /);
  return [
    { name: "", text: main },
    ...others.map((other) => {
      const end = other.indexOf("\n");
      return end < 0 ? { name: other, text: "" } : { name: other.slice(0, end), text: other.slice(end + 1) };
    }),
  ];
}

/** Whether a name falls under a pattern: `*` stands for any characters but `/`. */
export function fitsGlob(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const [index, piece] of rest.entries()) {
    const found = index === rest.length - 1 ? name.length - piece.length : name.indexOf(piece, at);
    if (found < at || !name.startsWith(piece, found) || name.slice(at, found).includes("/")) return false;
    at = found + piece.length;
  }
  return at === name.length;
}
