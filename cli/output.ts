/** stdout is data, stderr is talk. Colour only where a terminal shows it and NO_COLOR is not set. */
import { styleText } from "node:util";
import { type Paint, printable } from "../shared/config/code-frame.ts";

export type Style = "ok" | "bad" | "warn" | "dim" | "bold";

const formats = { ok: "green", bad: "red", warn: "yellow", dim: "gray", bold: "bold" } as const;

/** Data for the next program, or for people. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Talk: progress, hints, problems. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The last line of a screen: what somebody new would do now. */
export function sayNext(command: string): void {
  say(`\nNext: ${command}`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function style(as: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(formats[as], text, { stream });
}

/** Colours of code frames on stderr or stdout. */
export function framePaint(stream: NodeJS.WriteStream): Paint {
  const styles = { error: "bad", warning: "warn", place: "dim", hint: "ok" } as const;
  return (part, text) => style(styles[part], text, stream);
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Columns under a head. */
export function table(head: readonly string[], rows: readonly (readonly (string | Cell)[])[]): string {
  return columns([head.map((text): Cell => ({ text, style: "dim" })), ...rows]);
}

/** Columns as wide as their widest cell, two spaces between. What comes from elsewhere cannot command the terminal. */
export function columns(rows: readonly (readonly (string | Cell)[])[]): string {
  const lines = rows.map((row) => row.map((cell) => (typeof cell === "string" ? { text: cell } : cell)));
  const last = Math.max(...lines.map((line) => line.length)) - 1;
  const widths = Array.from({ length: last + 1 }, (_, at) =>
    Math.max(...lines.map((line) => printable(line[at]?.text ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, at) => pad(cell, widths[at] ?? 0, at === last))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A block of lines, one space in. */
export function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => ` ${line}`.trimEnd())
    .join("\n");
}

function pad(cell: Cell, width: number, last: boolean): string {
  const text = printable(cell.text);
  const shown = cell.style === undefined ? text : style(cell.style, text);
  return last ? shown : shown + " ".repeat(width - text.length);
}

/** `850 ms`, `12 s`, `5 min`, `3 h`, `2 d`: for people, rounded down. */
export function ago(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1000],
  ] as const;
  for (const [unit, size] of units) if (Math.abs(ms) >= size) return `${Math.trunc(ms / size)} ${unit}`;
  return `${Math.trunc(ms)} ms`;
}
