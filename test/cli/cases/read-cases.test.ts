import { expect, test } from "vitest";
import type { TestCase } from "../../../cli/cases/case-schema.ts";
import { testFileJsonSchema, testFileSchema } from "../../../cli/cases/case-schema.ts";
import { caseProblems } from "../../../cli/cases/read-cases.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { schemaProblems } from "../../../shared/config/schema-problems.ts";

const document = {
  selvage: 1,
  name: "shop",
  gateway: { routes: [{ name: "orders", match: { path: "/orders" }, to: "http://127.0.0.1:1" }] },
  mesh: { services: { users: { port: 80 } } },
} as unknown as Document;

function problemsOf(...cases: object[]): string[] {
  return caseProblems(cases as TestCase[], document).map(({ code, path, suggestion }) =>
    [code, path.slice(2).join("."), ...(suggestion === undefined ? [] : [suggestion])].join(" "),
  );
}

const request = { url: "/orders" };
const one = (expected: object, asked: object = request) => ({ name: "one", request: asked, expect: expected });

test.each([
  ["nothing is expected", one({}), "SLV3228 expect"],
  ["a denial by nobody", one({ denied: {} }), "SLV3228 expect.denied"],
  ["denied, and forwarded", one({ outcome: "forward", denied: { by: "auth" } }), "SLV3229 expect.denied"],
  ["refused, and seen by an upstream", one({ outcome: "refuse", upstream: {} }), "SLV3229 expect.upstream"],
  ["refused with 200", one({ denied: { by: "auth" }, status: 200 }), "SLV3229 expect.status"],
  ["an unknown route", one({ route: "order" }), "SLV3230 expect.route orders"],
  ["an unknown service", one({ access: { user: "allow" } }), "SLV3230 expect.access.user users"],
  ["scopes of nobody", one({ status: 401 }, { ...request, scopes: ["a"] }), "SLV3231 request"],
  ["no path", one({ status: 401 }, { url: "orders" }), "SLV3231 request.url"],
  ["no method", one({ status: 401 }, { ...request, method: "get" }), "SLV3231 request.url"],
  ["no header", one({ status: 401 }, { ...request, headers: { "a b": "x" } }), "SLV3231 request.url"],
  [
    "a call of nobody",
    { name: "one", call: { from: "x", to: "users", path: "/" }, expect: { access: "deny" } },
    "SLV3230 call.from",
  ],
] as const)("%s", (_, wrong, problem) => {
  expect(problemsOf(wrong)).toEqual([problem]);
});

test("a name that is used twice", () => {
  expect(problemsOf(one({ status: 401 }), one({ status: 401 }))).toEqual(["SLV3006 name"]);
});

test("no route, the gateway as a caller", () => {
  expect(problemsOf(one({ route: null }))).toEqual([]);
  expect(
    problemsOf({ name: "a", call: { from: "gateway", to: "users", path: "/" }, expect: { access: "allow" } }),
  ).toEqual([]);
});

test("unknown keys are found with the nearest name", () => {
  const value = { cases: [{ name: "a", request, expect: { outcom: "refuse" } }] };
  expect(schemaProblems(testFileSchema, value)).toMatchObject([{ code: "SLV2003", suggestion: "outcome" }]);
});

test("the schema for editors names every key", () => {
  const text = JSON.stringify(testFileJsonSchema());
  for (const key of ["outcome", "upstream", "access", "reason", "scopes"]) expect(text).toContain(`"${key}"`);
});
