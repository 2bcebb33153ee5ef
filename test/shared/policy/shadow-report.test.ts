import { expect, test } from "vitest";
import { newCounters, type SeriesCounts, seriesOf } from "../../../shared/policy/counters.ts";
import { shadowRows } from "../../../shared/policy/shadow-report.ts";
import { addGroups, type UsageGroups } from "../../../shared/policy/usage-report.ts";
import { isKept } from "../../../shared/policy/usage-rollup.ts";

const rowsOf = (series: Iterable<SeriesCounts>) => {
  const groups: UsageGroups = new Map();
  addGroups(groups, series, { by: "shadow" });
  return shadowRows(groups);
};

test("what would be refused comes first, by route or service and policy; a route and a service of one name are two", () => {
  const counters = newCounters();
  const judged = (kind: "shadow" | "serviceShadow", labels: string[], requests: number): void => {
    seriesOf(counters, kind, ...labels).counts.requests += requests;
  };
  judged("shadow", ["orders", "auth", ""], 6);
  judged("shadow", ["orders", "auth", "scope_missing"], 2);
  judged("shadow", ["orders", "limit:tight", ""], 9);
  judged("serviceShadow", ["orders", "access", "access_denied"], 3);
  judged("shadow", ["*", "*", "*"], 4);
  seriesOf(counters, "usage", "orders", "", "").counts.s2xx += 100;
  expect([...counters.series.values()].every(isKept)).toBe(true);
  expect(rowsOf(counters.series.values())).toEqual([
    {
      of: "service",
      name: "orders",
      policy: "access",
      judged: 3,
      wouldRefuse: 3,
      share: 1,
      errors: { access_denied: 3 },
    },
    {
      of: "route",
      name: "orders",
      policy: "auth",
      judged: 8,
      wouldRefuse: 2,
      share: 0.25,
      errors: { scope_missing: 2 },
    },
    { of: "route", name: "orders", policy: "limit:tight", judged: 9, wouldRefuse: 0, share: 0, errors: {} },
    { of: "route", name: "*", policy: "*", judged: 4, wouldRefuse: 0, share: 0, errors: {} },
  ]);
});
