import { expect, test } from "vitest";
import { secretUses } from "../../../shared/config/secret-uses.ts";

test("every place of every secret, by name; references of other kinds are none", () => {
  const document = {
    gateway: {
      routes: [
        { transform: { request: { headers: { add: { a: "Bearer ${secret:B}", b: "${env:HOME} ${secret:A}" } } } } },
        { code: { with: ["${secret:B}", 3, null, "${secret:"] } },
      ],
    },
  };
  const edits = ["gateway", "routes", 0, "transform", "request", "headers", "add"];
  expect(secretUses(document)).toEqual([
    { name: "A", paths: [[...edits, "b"]] },
    {
      name: "B",
      paths: [
        [...edits, "a"],
        ["gateway", "routes", 1, "code", "with", 0],
      ],
    },
  ]);
  expect(secretUses(undefined)).toEqual([]);
});
