import { expect, test } from "vitest";
import type { Finding } from "../../../cli/check/finding.ts";
import { githubAnnotation } from "../../../cli/check/github.ts";
import { sarifLog } from "../../../cli/check/sarif.ts";
import { shortLine } from "../../../cli/check/short.ts";

const finding: Finding = {
  code: "SLV3012",
  severity: "warning",
  message: "route a never matches",
  meaning: "a route or rule that can never match",
  place: "routes.a.match",
  file: "apis/my shop.yaml",
  line: 3,
  column: 5,
  length: 4,
  fix: "expected a narrower match",
};
const { file: _f, line: _l, column: _c, length: _n, fix: _x, ...placeless } = finding;

test.each<[string, Finding, string]>([
  [
    "a place",
    finding,
    "::warning file=apis/my shop.yaml,line=3,col=5,endColumn=9,title=SLV3012::route a never matches%0Aexpected a narrower match",
  ],
  ["no file", placeless, "::warning title=SLV3012::route a never matches"],
  [
    "what would end a property or the command",
    { ...placeless, severity: "error", file: "a,b:c%0A\n.yaml", message: "100 %::x\r\n::error::y" },
    "::error file=a%2Cb%3Ac%250A%0A.yaml,title=SLV3012::100 %25::x%0D%0A::error::y",
  ],
])("github: %s", (_what, one, expected) => expect(githubAnnotation(one)).toBe(expected));

test.each<[string, Finding, string]>([
  [
    "a place",
    finding,
    "apis/my shop.yaml:3:5: warning[SLV3012]: route a never matches (routes.a.match) | expected a narrower match",
  ],
  ["no file", { ...placeless, place: "" }, "warning[SLV3012]: route a never matches"],
  [
    "a command of the terminal",
    { ...placeless, message: "\u001b[2Jx\ny" },
    "warning[SLV3012]: ?[2Jx?y (routes.a.match)",
  ],
])("short: %s", (_what, one, expected) => expect(shortLine(one)).toBe(expected));

test("sarif: one run, a rule for each code, a result for each finding", () => {
  const ignored = { ...placeless, ignored: { inDocument: true, reason: "it is meant" } };
  const absolute: Finding = { ...finding, code: "SLV3009", severity: "error", file: "/srv/a b.yaml" };
  expect(sarifLog([finding, absolute, ignored], "1.2.3")).toEqual({
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "selvage",
            semanticVersion: "1.2.3",
            rules: [
              { id: "SLV3009", shortDescription: { text: finding.meaning }, help: { text: "selvage help SLV3009" } },
              { id: "SLV3012", shortDescription: { text: finding.meaning }, help: { text: "selvage help SLV3012" } },
            ],
          },
        },
        columnKind: "utf16CodeUnits",
        results: [
          {
            ruleId: "SLV3012",
            ruleIndex: 1,
            level: "warning",
            message: { text: "route a never matches (expected a narrower match)" },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: "apis/my%20shop.yaml" },
                  region: { startLine: 3, startColumn: 5, endColumn: 9 },
                },
                logicalLocations: [{ fullyQualifiedName: "routes.a.match" }],
              },
            ],
            partialFingerprints: { "selvagePlace/v1": "SLV3012@routes.a.match" },
          },
          expect.objectContaining({
            ruleIndex: 0,
            level: "error",
            locations: [
              expect.objectContaining({
                physicalLocation: expect.objectContaining({ artifactLocation: { uri: "file:///srv/a%20b.yaml" } }),
              }),
            ],
          }),
          {
            ruleId: "SLV3012",
            ruleIndex: 1,
            level: "warning",
            message: { text: "route a never matches" },
            locations: [{ logicalLocations: [{ fullyQualifiedName: "routes.a.match" }] }],
            partialFingerprints: { "selvagePlace/v1": "SLV3012@routes.a.match" },
            suppressions: [{ kind: "inSource", justification: "it is meant" }],
          },
        ],
      },
    ],
  });
});
