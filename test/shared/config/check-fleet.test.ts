import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";

const documentOf = (outageBudget?: unknown, lifetime?: string) => ({
  selvage: 1,
  name: "shop",
  mesh: {
    trustDomain: "shop.internal",
    ...(outageBudget !== undefined && { outageBudget }),
    ...(lifetime !== undefined && { certificates: { lifetime } }),
    services: { orders: { port: 8080 } },
  },
});
const found = (outageBudget: unknown, lifetime?: string): string[] =>
  checkDocument(documentOf(outageBudget, lifetime))
    .problems.filter(({ code }) => code !== "SLV3011")
    .map(({ code, severity }) => `${severity} ${code}`);

test.each([
  ["as usual", undefined, []],
  ["what agents have", "16h", []],
  ["more than agents have", "17h", ["warning SLV3270"]],
  ["a number", 5, ["error SLV2001"]],
  ["no time at all", "0s", ["error SLV2001"]],
  ["more than a week", "8d", ["error SLV2001"]],
])("%s", (_what, outageBudget, problems) => {
  expect(found(outageBudget)).toEqual(problems);
});

test("is held to the certificates' life that the document has", () => {
  expect(found("40m", "1h")).toEqual([]);
  expect(found("41m", "1h")).toEqual(["warning SLV3270"]);
  expect(found("20h", "2d")).toEqual([]);
});

test("is in the plan when it was set", () => {
  const plan = (outageBudget?: string) => {
    const { document } = checkDocument(documentOf(outageBudget));
    return document && compile(document).mesh;
  };
  expect(plan("90m")).toHaveProperty("outageBudgetMs", 5_400_000);
  expect(plan()).not.toHaveProperty("outageBudgetMs");
});
