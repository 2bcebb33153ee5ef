/** A problem as text for people: what is wrong, where, the line itself, and what to write instead. */
import type { DocumentProblem } from "./problem.ts";

export type FramePart = "error" | "warning" | "place" | "hint";
/** Colours a piece of the frame; without one the frame is plain. */
export type Paint = (part: FramePart, text: string) => string;

const WIDTH = 100;

/**
 * @param source text of the document
 * @param file its name as the user gave it
 */
export function codeFrame(
  problem: DocumentProblem,
  source: string,
  file: string,
  paint: Paint = (_, text) => text,
): string {
  const { severity, code, message, line, column, suggestion, expected } = problem;
  const lines = [`${paint(severity, `${severity}[${code}]`)}: ${printable(message)}`];
  const written = line === undefined ? undefined : source.split("\n", line)[line - 1]?.replace(/\r$/, "");
  const gutter = " ".repeat(String(line ?? 0).length);
  if (line === undefined || column === undefined || written === undefined)
    lines.push(`${gutter} ${paint("place", "-->")} ${file}`);
  else {
    const { text, from } = cut(written, column);
    const marks = Math.max(1, Math.min(problem.length ?? 1, text.length - from));
    const bar = paint("place", `${gutter} |`);
    lines.push(`${gutter}${paint("place", "-->")} ${file}:${line}:${column}`, bar);
    lines.push(`${paint("place", `${line} |`)} ${text}`);
    lines.push(`${bar} ${" ".repeat(from)}${paint(severity, "^".repeat(marks))}`);
  }
  const note = paint("place", `${gutter} =`);
  if (expected !== undefined) lines.push(`${note} expected ${printable(expected)}`);
  if (suggestion !== undefined) lines.push(`${note} ${paint("hint", advice(problem.code, printable(suggestion)))}`);
  return lines.join("\n");
}

/** What to write instead, in one line; undefined: nothing says it. */
export function fixOf({ code, expected, suggestion }: DocumentProblem): string | undefined {
  const said = [
    ...(suggestion === undefined ? [] : [advice(code, suggestion)]),
    ...(expected === undefined ? [] : [`expected ${expected}`]),
  ];
  return said.length === 0 ? undefined : said.join("; ");
}

/** Known names are guessed at; for the rest it is said how it is written. */
function advice(code: DocumentProblem["code"], suggestion: string): string {
  const isName = code === "SLV2003" || (code.startsWith("SLV30") && code <= "SLV3004");
  return isName ? `did you mean ${suggestion}?` : `write ${suggestion}`;
}

/** A piece of a line around a column, each character one cell wide. @param column from 1 */
function cut(line: string, column: number): { text: string; from: number } {
  const at = Math.min(column - 1, line.length);
  if (line.length <= WIDTH) return { text: printable(line), from: at };
  const start = Math.max(0, Math.min(at - WIDTH / 2, line.length - WIDTH));
  const end = start + WIDTH;
  const text = `${start > 0 ? "..." : ""}${printable(line.slice(start, end))}${end < line.length ? "..." : ""}`;
  return { text, from: at - start + (start > 0 ? 3 : 0) };
}

/** Nothing from a document reaches a terminal as a command of it: control and direction characters become `?`. */
export function printable(text: string): string {
  return text.replaceAll("\t", " ").replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
}
