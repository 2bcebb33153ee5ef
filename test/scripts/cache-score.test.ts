import { expect, test } from "vitest";
import { countOf, scoreResults, scoreTable } from "../support/cache-tests/score.ts";
import type { CacheTestGroup } from "../support/cache-tests/suite.ts";

const groups: readonly CacheTestGroup[] = [
  {
    id: "a",
    name: "Group A",
    tests: [
      { id: "base", name: "base" },
      { id: "on-base", name: "builds on base", kind: "optimal", depends_on: ["base"] },
      { id: "setup", name: "setup", depends_on: ["on-base"] },
    ],
  },
  {
    id: "b",
    name: "B",
    tests: [
      { id: "check", name: "check", kind: "check" },
      { id: "left-out", name: "left out" },
    ],
  },
];

const outcomes = (results: Parameters<typeof scoreResults>[1]): Record<string, string> =>
  Object.fromEntries(scoreResults(groups, results).map(({ id, outcome }) => [id, outcome]));

test("a test passes with all that it builds on, and says nothing without", () => {
  const all = { base: true, "on-base": true, setup: true, check: true } as const;
  expect(outcomes(all)).toEqual({
    base: "pass",
    "on-base": "pass",
    setup: "pass",
    check: "pass",
    "left-out": "untested",
  });
  expect(outcomes({ ...all, base: ["Assertion", "no"] })).toMatchObject({
    base: "fail",
    "on-base": "dependency",
    setup: "dependency",
  });
  expect(outcomes({ ...all, setup: ["Setup", "no"] })).toMatchObject({ setup: "setup" });
});

test("a test that was chosen alone counts by itself", () => {
  expect(outcomes({ "on-base": true })).toMatchObject({ base: "untested", "on-base": "pass" });
});

test("counts by kind, and a table of the groups", () => {
  const scored = scoreResults(groups, { base: true, "on-base": ["Assertion", "no"], check: true });
  expect(countOf(scored, "required")).toEqual({ passed: 1, of: 3 });
  expect(countOf(scored, "required", "B")).toEqual({ passed: 0, of: 1 });
  expect(scoreTable(scored)).toBe(
    [
      "         required  optimal  check",
      "Group A       1/2      0/1",
      "B             0/1             1/1",
      "all           1/3      0/1    1/1",
    ].join("\n"),
  );
});
