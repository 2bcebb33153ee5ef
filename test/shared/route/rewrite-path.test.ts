import { expect, test } from "vitest";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";

test("a parameter that is an asterisk does not turn into a tail and ask for the collection", () => {
  expect(rewritePath("/v1/{id}", { id: "*" })).toBe("/v1/*");
  expect(rewritePath("/v1/{id}/*", { id: "*", "*": "x" })).toBe("/v1/*/x");
});
