import { expect, test } from "vitest";
import { githubReport, junitReport, textReport } from "../../../cli/cases/report.ts";
import type { CaseResult } from "../../../cli/cases/run-cases.ts";

const base = { file: "a,b.yaml", mismatches: [], unjudged: [], durationMs: 2 };
const results: CaseResult[] = [
  { ...base, name: "fine", line: 2, outcome: "passed", unjudged: ["status"] },
  { ...base, name: "left out", line: 5, outcome: "skipped", why: "`as`" },
  {
    ...base,
    name: 'a "name" <b>',
    line: 9,
    outcome: "failed",
    mismatches: [{ path: ["expect", "status"], expected: "200", seen: "401\n::set-output", line: 11, column: 7 }],
    denial: { stage: "auth", text: "no key\u001b[31m", place: "selvage.yaml:9" },
    more: "selvage explain GET / --file selvage.yaml",
  },
];

test("for people", () => {
  expect(textReport(results)).toBe(`ok   a,b.yaml:2  fine  (not judged: status)
skip a,b.yaml:5  left out  (\`as\`)
FAIL a,b.yaml:9  a "name" <b>
       a,b.yaml:11:7  status
         expected  200
         seen      401?::set-output
       denied by auth (selvage.yaml:9): no key?[31m
       why: selvage explain GET / --file selvage.yaml

3 cases: 1 passed, 1 failed, 1 skipped`);
});

test("annotations of GitHub cannot be forged by what is seen", () => {
  const [line, count, ...more] = githubReport(results).split("\n");
  expect(line).toContain(
    '::error file=a%2Cb.yaml,line=11,col=7,title=a "name" <b>::status: expected 200, seen 401%0A::set-output',
  );
  expect(count).toBe("3 cases: 1 passed, 1 failed, 1 skipped");
  expect(more).toEqual([]);
});

test("JUnit's XML is well-formed", () => {
  const xml = junitReport(results);
  expect(xml).toContain('<testsuites name="selvage" tests="3" failures="1" errors="0" skipped="1" time="0.006">');
  expect(xml).toContain('name="a &quot;name&quot; &lt;b&gt;"');
  expect(xml).toContain(
    '<failure message="a,b.yaml:11:7 status: expected 200, seen 401?::set-output">'.replace("?", "\n"),
  );
  expect(xml).not.toContain("\u001b");
  expect(xml.match(/<testcase/g)).toHaveLength(3);
  expect(xml.match(/<\/testcase>/g)).toHaveLength(3);
});
