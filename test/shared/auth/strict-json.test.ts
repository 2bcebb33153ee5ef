import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import { limits } from "../../../shared/limits.ts";

describe("JSON of a token", () => {
  test.each([
    ["{}", {}],
    ['{"a":1,"b":{"a":[{"a":2},{"a":3}]}}', { a: 1, b: { a: [{ a: 2 }, { a: 3 }] } }],
    ['{"a":"{\\"a\\":1,\\"a\\":2}","b":","}', { a: '{"a":1,"a":2}', b: "," }],
    ['{"a\\\\":1,"a":["x",{}],"c":{}}', { "a\\": 1, a: ["x", {}], c: {} }],
  ])("%s is read", (text, value) => {
    expect(readJsonObject(text)).toEqual(value);
  });

  test.each([
    ["twice the same member", '{"sub":"alice","sub":"mallory"}'],
    ["twice, once escaped", '{"sub":"alice","\\u0073ub":"mallory"}'],
    ["twice, deep inside", '{"a":[1,{"b":{"c":1,"d":{},"c":2}}]}'],
    ["twice the empty name", '{"":1,"":2}'],
    ["twice __proto__", '{"__proto__":1,"__proto__":2}'],
    ["a list", "[]"],
    ["null", "null"],
    ["a text", '"a"'],
    ["nothing", ""],
    ["a byte order mark", "\ufeff{}"],
    ["something behind it", "{} {}"],
    ["a comment", "{/**/}"],
    ["a trailing comma", '{"a":1,}'],
  ])("%s is refused", (_, text) => {
    expect(readJsonObject(text)).toBeTypeOf("string");
  });

  test("depth has a bound", () => {
    const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;
    expect(readJsonObject(nested(limits.identity.tokenDepthMax))).toBeTypeOf("object");
    expect(readJsonObject(nested(limits.identity.tokenDepthMax + 1))).toBe("is nested too deeply");
    expect(readJsonObject(`{"a":${"[".repeat(6_000)}${"]".repeat(6_000)}}`)).toBe("is nested too deeply");
  });

  test("whatever JSON.stringify makes of an object is read as it was", () => {
    const depthBounded = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 }));
    fc.assert(
      fc.property(depthBounded, (value) => {
        const text = JSON.stringify(value);
        expect(readJsonObject(text)).toEqual(JSON.parse(text));
      }),
    );
  });
});
