import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const url = new URL("../../../examples/aggregation/selvage.yaml", import.meta.url);
const { document } = loadDocument(readFileSync(url, "utf8"), "selvage.yaml", () => undefined);
if (document === undefined) throw new Error("the example has errors");
const plan = compile(document);

function textsOf(method: string, path: string): string[] {
  const request = { method, host: "localhost", path, query: "", headers: [], credential: { kind: "none" } as const };
  return explain(plan, request, 0).steps.map(({ stage, verdict, text }) => `${stage} ${verdict}: ${text}`);
}

test("the graph is shown: what runs when, and what all of it costs at worst", () => {
  const texts = textsOf("GET", "/orders/7").join("\n");
  expect(texts).toContain("aggregate note: 4 parts, 14 calls at most, 6 at once; 10s at worst");
  expect(texts).toContain("the answer: made by `output`; status of order; `problems` names what is missing");
  expect(texts).toContain("GET /orders/7 to service orders (at once, within 5s)");
  expect(texts).toContain("after order, 5s at the latest");
  expect(texts).toContain("for each of order.items: up to 10, 3 at once, more are left out, failed ones are null");
  expect(texts).toContain("up to 1 retries, a fallback stands for it");
  expect(texts).toContain('when order.status == "sent", which depends on order');
});

test("a condition over the request alone has its verdict", () => {
  const parts = { a: { get: "orders:/", when: 'path.id == "7"' } };
  const route = { name: "r", match: { path: "/r/{id}" }, aggregate: parts };
  const other = compile({ ...document, gateway: { hosts: ["localhost"], routes: [route] } });
  const ask = (path: string) => {
    const request = {
      method: "GET",
      host: "localhost",
      path,
      query: "",
      headers: [],
      credential: { kind: "none" } as const,
    };
    return explain(other, request, 0).steps.find(({ stage }) => stage === "call");
  };
  expect(ask("/r/7")).toMatchObject({ verdict: "pass", part: "a" });
  expect(ask("/r/8")).toMatchObject({ verdict: "skip", text: expect.stringContaining("which is false") });
});

test("a method that the route does not take is refused", () => {
  expect(textsOf("POST", "/orders").join("\n")).toContain("the request's body is read as JSON");
});
