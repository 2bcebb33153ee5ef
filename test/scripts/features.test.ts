/** The table of what others have tells of tests that exist, and of every feature. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/features.md", root), "utf8");
const sections = text.split(/^## /m).slice(1);

interface Row {
  readonly feature: string;
  readonly verdict: string;
  readonly how: string;
  readonly tests: readonly string[];
}

function rowsOf(section: string): Row[] {
  const lines = section.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:feature|---)/.test(line));
  return lines.map((line) => {
    const [feature = "", verdict = "", how = "", named = ""] = line
      .slice(2, -1)
      .split(" | ")
      .map((cell) => cell.trim());
    return { feature, verdict, how, tests: [...named.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file) };
  });
}

describe.each(sections.map((section) => [section.split("\n")[0] ?? "", rowsOf(section)] as const))("%s", (_, rows) => {
  test.each(rows.map((row) => [row.feature, row] as const))("%s", (_, { verdict, how, tests }) => {
    expect(["yes", "partly", "no"]).toContain(verdict);
    expect(how.length).toBeGreaterThan(0);
    if (verdict === "no") expect(tests).toEqual([]);
    else expect(tests.length).toBeGreaterThan(0);
    for (const file of tests) expect(existsSync(new URL(file, root)), file).toBe(true);
  });
});

test("each of Kong's plugins has a row", () => {
  const rows = rowsOf(sections.find((section) => section.startsWith("Kong")) ?? "");
  expect(new Set(rows.map(({ feature }) => feature)).size).toBe(45);
});
