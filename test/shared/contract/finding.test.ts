import { expect, test } from "vitest";
import { errorsOf, type Finding, placeOf } from "../../../shared/contract/finding.ts";

const isKnown = (name: string): boolean => ["items", "sku", "a/b", "type"].includes(name);
const finding = (more: Partial<Finding>): Finding => ({
  ...{ in: "body", pointer: "", keyword: "type", detail: "must be a string" },
  ...more,
});

test.each<[Partial<Finding>, string]>([
  [{}, "body"],
  [{ pointer: "/items/3/sku" }, "body/items/*/sku"],
  [{ pointer: "/items/3/secret" }, "body/items/*/*"],
  [{ pointer: "/a~1b/0" }, "body/a~1b/*"],
  [{ pointer: "/" }, "body/*"],
  [{ in: "query", name: "limit" }, "query/limit"],
  [{ in: "query", name: "a/b", pointer: "/0" }, "query/a~1b/*"],
  [{ in: "query", name: "evil", isUnknown: true }, "query/*"],
  [{ in: "status", name: "418" }, "status/418"],
])("%j is counted at %s", (more, place) => expect(placeOf(finding(more), isKnown)).toBe(place));

test("clients are told of places, not of values, and names are short", () => {
  const told = errorsOf([
    finding({ in: "query", name: "x".repeat(100), isUnknown: true, pointer: "/0" }),
    finding({ pointer: `/${"x".repeat(100_000)}` }),
  ]);
  const same = { detail: "must be a string", keyword: "type" };
  expect(told).toEqual([
    { ...same, in: "query", name: `${"x".repeat(64)}…`, pointer: "/0" },
    { ...same, in: "body", pointer: `/${"x".repeat(511)}…` },
  ]);
});
