import { expect, test } from "vitest";
import { ignoresIn, parseIgnore, unusedIgnores, withoutIgnored } from "../../../shared/config/ignores.ts";
import { liesAt, placeName } from "../../../shared/config/place-name.ts";
import { type DocumentProblem, error, type Path, warning } from "../../../shared/config/problem.ts";

const document = {
  check: {
    ignore: [
      { code: "SLV3012", at: "routes.old", reason: "it goes next week" },
      { code: "SLV3011", reason: "-" },
    ],
  },
  gateway: { routes: [{ name: "new" }, { name: "old", match: { methods: ["GET"] } }], hosts: ["a"] },
  mesh: { services: { orders: {} } },
};

test.each<[Path, string]>([
  [[], ""],
  [["gateway"], "gateway"],
  [["gateway", "hosts", 0], "hosts.0"],
  [["gateway", "routes", 1], "routes.old"],
  [["gateway", "routes", 1, "match", "methods", 0], "routes.old.match.methods.0"],
  [["gateway", "routes", 7, "to"], "routes.7.to"],
  [["mesh", "services", "orders", "access"], "services.orders.access"],
  [["check", "ignore", 0], "check.ignore.0"],
])("%j is %s", (path, name) => expect(placeName(document, path)).toBe(name));

test.each([
  ["routes.old", "routes.old", true],
  ["routes.old.match", "routes.old", true],
  ["routes.old.match", "gateway.routes.old", true],
  ["routes.older", "routes.old", false],
  ["routes.old", "routes.old.match", false],
])("%s lies at %s: %j", (place, at, expected) => expect(liesAt(place, at)).toBe(expected));

test.each([
  ["SLV3012@routes.old", { code: "SLV3012", at: "routes.old" }],
  ["slv3012", { code: "SLV3012" }],
  ["SLV3012@", undefined],
  ["3012", undefined],
  ["SLV30123@x", undefined],
])("--ignore %s", (text, expected) => expect(parseIgnore(text)).toEqual(expected));

const sort = (problems: readonly DocumentProblem[]) =>
  withoutIgnored(problems, ignoresIn(document), ({ path }) => placeName(document, path));
const shadowed = warning("SLV3012", ["gateway", "routes", 1, "match"], "never matches");

test("what is meant is taken out, with its reason", () => {
  const open = warning("SLV3011", ["mesh", "services", "orders"], "open");
  const { kept, ignored, unused } = sort([shadowed, open]);
  expect(kept).toEqual([]);
  expect(ignored.map(({ problem, ignore }) => [problem.code, ignore.reason])).toEqual([
    ["SLV3012", "it goes next week"],
    ["SLV3011", "-"],
  ]);
  expect(unused).toEqual([]);
});

test("the same elsewhere, and another at the same place, stay", () => {
  const others = [
    warning("SLV3012", ["gateway", "routes", 0], "never matches"),
    warning("SLV3009", ["gateway", "routes", 1], "contradicts"),
  ];
  expect(sort(others).kept).toEqual(others);
});

test("an error stays, and its ignore hits nothing", () => {
  const wrong = error("SLV3012", ["gateway", "routes", 1], "wrong");
  const { kept, unused } = sort([wrong]);
  expect(kept).toEqual([wrong]);
  expect(unusedIgnores(unused).map(({ code, path }) => [code, path])).toEqual([
    ["SLV3241", ["check", "ignore", 0]],
    ["SLV3241", ["check", "ignore", 1]],
  ]);
});

test("what a machine or a moment decides may be ignored before it is there", () => {
  expect(unusedIgnores([{ code: "SLV4001" }, { code: "SLV3250", at: "agents.orders/a" }])).toEqual([]);
  expect(unusedIgnores([{ code: "SLV3012" }])).toMatchObject([{ path: [] }]);
});
