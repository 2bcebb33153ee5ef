/** What became of the cases, for people, for GitHub's annotations, and as JUnit's XML. */
import { printable } from "../../shared/config/code-frame.ts";
import { formatPath } from "../../shared/config/problem.ts";
import { type Style, style } from "../output.ts";
import type { CaseResult } from "./run-cases.ts";

const WORDS: Readonly<Record<CaseResult["outcome"], readonly [word: string, as: Style]>> = {
  passed: ["ok  ", "ok"],
  failed: ["FAIL", "bad"],
  skipped: ["skip", "dim"],
};

export function textReport(results: readonly CaseResult[]): string {
  return [...results.map(caseText), "", countText(results)].join("\n");
}

function caseText(result: CaseResult): string {
  const { name, file, line, outcome, why, mismatches, unjudged, denial, more } = result;
  const [word, as] = WORDS[outcome];
  const note = outcome === "passed" && unjudged.length > 0 ? `not judged: ${unjudged.join(", ")}` : why;
  const head = `${style(as, word)} ${file}:${line}  ${printable(name)}${note === undefined ? "" : style("dim", `  (${note})`)}`;
  if (outcome !== "failed") return head;
  const lines = mismatches.flatMap(({ path, expected, seen, line: at, column }) => [
    `       ${file}:${at}:${column}  ${formatPath(path.slice(1))}`,
    `         ${style("ok", `expected  ${printable(expected)}`)}`,
    `         ${style("bad", `seen      ${printable(seen)}`)}`,
  ]);
  if (denial !== undefined) lines.push(`       denied by ${denial.stage} (${denial.place}): ${printable(denial.text)}`);
  if (more !== undefined) lines.push(`       why: ${printable(more)}`);
  return [head, ...lines].join("\n");
}

/** `3 cases: 2 passed, 1 failed` */
export function countText(results: readonly CaseResult[]): string {
  const count = (outcome: CaseResult["outcome"]): number => results.filter((one) => one.outcome === outcome).length;
  const parts = [`${count("passed")} passed`, `${count("failed")} failed`];
  if (count("skipped") > 0) parts.push(`${count("skipped")} skipped`);
  return `${results.length} ${results.length === 1 ? "case" : "cases"}: ${parts.join(", ")}`;
}

/** A workflow command for each expectation that did not come true: https://docs.github.com/actions, workflow commands. */
export function githubReport(results: readonly CaseResult[]): string {
  const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  const lines = results.flatMap(({ name, file, denial, mismatches }) =>
    mismatches.map(({ path, expected, seen, line, column }) => {
      const why = denial === undefined ? "" : `\ndenied by ${denial.stage} (${denial.place}): ${denial.text}`;
      const text = `${formatPath(path.slice(1))}: expected ${expected}, seen ${seen}${why}`;
      return `::error file=${property(file)},line=${line},col=${column},title=${property(name)}::${data(text)}`;
    }),
  );
  return [...lines, countText(results)].join("\n");
}

export function junitReport(results: readonly CaseResult[]): string {
  const files = [...new Set(results.map(({ file }) => file))];
  const suites = files.map((file) => {
    const own = results.filter((one) => one.file === file);
    return `${openTag("testsuite", { name: file, ...totals(own) })}\n${own.map(caseXml).join("\n")}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${openTag("testsuites", { name: "selvage", ...totals(results) }, "")}\n${suites.join("\n")}\n</testsuites>`;
}

function totals(results: readonly CaseResult[]): Record<string, string> {
  const count = (outcome: CaseResult["outcome"]): string =>
    String(results.filter((one) => one.outcome === outcome).length);
  const seconds = results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000;
  return {
    tests: String(results.length),
    failures: count("failed"),
    errors: "0",
    skipped: count("skipped"),
    time: seconds.toFixed(3),
  };
}

function caseXml({ name, file, line, outcome, why = "", mismatches, durationMs }: CaseResult): string {
  const attributes = { name, classname: file, file, line: String(line), time: (durationMs / 1_000).toFixed(3) };
  const head = openTag("testcase", attributes, "    ");
  if (outcome === "passed") return `${head}</testcase>`;
  if (outcome === "skipped") return `${head}<skipped message="${escaped(why)}"/></testcase>`;
  const lines = mismatches.map(
    (one) =>
      `${file}:${one.line}:${one.column} ${formatPath(one.path.slice(1))}: expected ${one.expected}, seen ${one.seen}`,
  );
  return `${head}\n      <failure message="${escaped(lines[0] ?? "")}">${escaped(lines.join("\n"))}</failure>\n    </testcase>`;
}

function openTag(name: string, attributes: Readonly<Record<string, string>>, indent = "  "): string {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  return `${indent}<${name}${all.join("")}>`;
}

/** Characters that XML 1.0 has no place for become ?. */
function escaped(text: string): string {
  return text
    .split("\n")
    .map(printable)
    .join("\n")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
