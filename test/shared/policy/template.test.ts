import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fillTemplate } from "../../../shared/policy/template.ts";

const template = ["/users/", ["user", "id"], "/orders"] as const;
const fill = (id: unknown) => fillTemplate(template, { user: { id } });

describe("a value in a path", () => {
  test.each([
    ["alice", "/users/alice/orders"],
    [42, "/users/42/orders"],
    [true, "/users/true/orders"],
    ["a/b", "/users/a%2Fb/orders"],
    ["https://idp.example/7", "/users/https%3A%2F%2Fidp.example%2F7/orders"],
    ["a../..b", "/users/a..%2F..b/orders"],
    ["a?b=c#d", "/users/a%3Fb%3Dc%23d/orders"],
    ["%2e%2e", "/users/%252e%252e/orders"],
    ["a b\r\n", "/users/a%20b%0D%0A/orders"],
    ["(ä)", "/users/%28%C3%A4%29/orders"],
  ])("%j becomes %s", (value, text) => {
    expect(fill(value)).toEqual({ text });
  });

  test.each([[undefined], [null], [""], ["."], [".."], [{}], [["a"]], ["\ud800"]])("%j cannot stand there", (value) => {
    expect(fill(value)).toEqual({ missing: "user.id" });
  });

  test.each([["../admin"], ["a/../b"], ["a/."], ["..\\admin"], ["a\\..;x"]])(
    "%j, whose dots a server that decodes first would follow, is refused",
    (value) => expect(fill(value)).toEqual({ missing: "user.id" }),
  );

  test("names of the prototype are not there", () => {
    expect(fillTemplate([["user", "constructor", "name"]], { user: {} })).toEqual({ missing: "user.constructor.name" });
    expect(fillTemplate([["user", "length"]], { user: "text" })).toEqual({ missing: "user.length" });
  });

  test("no value changes how a URL parser sees the path", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const filled = fill(value);
        if ("missing" in filled) return;
        const url = new URL(filled.text, "http://host");
        expect(url.pathname).toBe(filled.text);
        expect(url.pathname.split("/")).toHaveLength(4);
        expect(url.search + url.hash).toBe("");
        expect(decodeURIComponent(url.pathname.split("/")[2] ?? "")).toBe(value);
      }),
    );
  });
});
