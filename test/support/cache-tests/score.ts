/** What the results of the public cache tests amount to, by the rules of the suite's own summary. */
import type { CacheTest, CacheTestGroup, CacheTestResult } from "./suite.ts";

export type Kind = "required" | "optimal" | "check";

/**
 * `dependency`: a test that it builds on did not pass, so that it says nothing. `setup`: the cache behaved unlike what the test
 * takes for granted. `untested`: it was not run.
 */
export type Outcome = "pass" | "fail" | "setup" | "dependency" | "untested";

export interface Scored {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly kind: Kind;
  readonly outcome: Outcome;
  /** Why it did not pass. */
  readonly reason: string;
}

export interface Count {
  readonly passed: number;
  readonly of: number;
}

type Results = Readonly<Record<string, CacheTestResult>>;

export function scoreResults(groups: readonly CacheTestGroup[], results: Results): Scored[] {
  const tests = new Map(groups.flatMap((group) => group.tests.map((test) => [test.id, test])));
  return groups.flatMap((group) =>
    group.tests.map((test) => ({
      id: test.id,
      name: test.name,
      group: group.name,
      kind: test.kind ?? "required",
      outcome: outcomeOf(test, tests, results),
      reason: reasonOf(results[test.id]),
    })),
  );
}

function outcomeOf(test: CacheTest, tests: ReadonlyMap<string, CacheTest>, results: Results): Outcome {
  const result = results[test.id];
  if (result === undefined) return "untested";
  for (const id of test.depends_on ?? []) {
    const needed = tests.get(id);
    // What was left out by a choice of single tests does not count against those chosen.
    if (needed === undefined || results[id] === undefined) continue;
    if (outcomeOf(needed, tests, results) !== "pass") return "dependency";
  }
  if (result === true) return "pass";
  return result[0] === "Setup" ? "setup" : "fail";
}

function reasonOf(result: CacheTestResult | undefined): string {
  if (result === undefined || result === true) return "";
  const [kind, message] = result;
  return kind === "Assertion" ? message : `${kind}: ${message}`;
}

/** How many tests of a kind passed. @param group absent: of all groups */
export function countOf(scored: readonly Scored[], kind: Kind, group?: string): Count {
  const counted = scored.filter((one) => one.kind === kind && (group === undefined || one.group === group));
  return { passed: counted.filter(({ outcome }) => outcome === "pass").length, of: counted.length };
}

/** A line for each category, and one for all of them. */
export function scoreTable(scored: readonly Scored[]): string {
  const groups = [...new Set(scored.map(({ group }) => group))];
  const cells = (title: string, group?: string): string[] => [
    title,
    ...(["required", "optimal", "check"] as const).map((kind) => {
      const { passed, of } = countOf(scored, kind, group);
      return of === 0 ? "" : `${passed}/${of}`;
    }),
  ];
  const rows = [["", "required", "optimal", "check"], ...groups.map((group) => cells(group, group)), cells("all")];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))))
    .map((row) => row.join("  ").trimEnd())
    .join("\n");
}
