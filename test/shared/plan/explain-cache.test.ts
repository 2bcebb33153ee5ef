import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const text = readFileSync(new URL("../../../examples/cache/selvage.yaml", import.meta.url), "utf8");
const { document, problems } = loadDocument(text, "f", () => undefined);
const ann: Credential = { kind: "assumed", sub: "ann", scopes: [] };

function cacheSteps(method: string, target: string, headers: Record<string, string> = {}, credential = ann): string[] {
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const [path = "", query] = target.split("?");
  const asked = { method, host: "localhost", path, query: query === undefined ? "" : `?${query}`, credential };
  const { steps } = explain(compile(document), { ...asked, headers: Object.entries(headers) }, 0);
  return steps.filter(({ stage }) => stage === "cache").map(({ verdict, text: words }) => `${verdict}: ${words}`);
}

test.each<[string, string[], string[]]>([
  [
    "the key is what tells answers apart, in one form",
    ["GET", "/catalogue/1?b=2&utm_source=x&a=1"],
    [
      "note: key localhost/catalogue/1?a=1&b=2, no accept-language, not looked up now; everybody gets the same answers",
      "note: fresh for 30s where the answer does not say, 5m more while it is asked for again, 1h more when the upstream fails",
    ],
  ],
  ["nothing is answered for a method that is not named", ["OPTIONS", "/orders/1"], []],
  [
    "an unsafe method",
    ["POST", "/orders/1"],
    ["skip: POST goes to the upstream, and makes what is stored of this path invalid when it succeeds"],
  ],
  [
    "each identity has its own",
    ["GET", "/orders/1"],
    [
      "note: key localhost/orders/1, not looked up now; kept for jwt||ann with these scopes alone",
      "note: fresh for 5s where the answer does not say, 1h more when the upstream fails",
    ],
  ],
  [
    "shared where the answer says so",
    ["GET", "/prices/1"],
    [
      "note: key localhost/prices/1, not looked up now; for everybody where the answer says `public` or `s-maxage`, else kept for jwt||ann with these scopes alone",
      "note: fresh for as long as the answer says, 1h more when the upstream fails",
    ],
  ],
])("%s", (_, [method = "", target = ""], expected) => {
  expect(cacheSteps(method, target).map((line) => line.replace(/(api-key|jwt)\|[^|]*\|/, "jwt||"))).toEqual(expected);
});

test("a request that wants no stored answer, or no other", () => {
  expect(cacheSteps("GET", "/catalogue/1", { "cache-control": "no-store" })[0]).toMatch(/^skip: .* says itself/);
  expect(cacheSteps("GET", "/catalogue/1", { "cache-control": "only-if-cached" })[0]).toMatch(/^note: 504 unless/);
  expect(cacheSteps("GET", `/catalogue/1?${"a".repeat(5_000)}`)[0]).toMatch(/^skip: .* too long/);
});
