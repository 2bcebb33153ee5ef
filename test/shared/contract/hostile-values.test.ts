/** Values and schemas that ask for more than they may: each ends soon, with a verdict or a refusal. */
import { describe, expect, test } from "vitest";
import { compileSchemas } from "../../../cli/contract/compile-schemas.ts";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { makeRegex } from "../../../shared/contract/schema-regexes.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { rawNumber } from "../../../shared/http/raw-number.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";
import { limits } from "../../../shared/limits.ts";
import { brief, readySchema, violationsOf } from "../../support/schemas.ts";

const times = <Value>(count: number, make: (inner: Value) => Value, first: Value): Value => {
  let value = first;
  for (let round = 0; round < count; round++) value = make(value);
  return value;
};

const tree = { type: "object", properties: { next: { $ref: "#" } }, additionalProperties: false };
/** Each level of the value is asked for by each of the eight, and all of them fail: eight to the power of the depth. */
const exponential = {
  anyOf: Array.from({ length: 8 }, (_, index) => ({
    properties: { next: { $ref: "#" } },
    allOf: [{ required: [`x${index}`] }],
  })),
};
/** The same, with a verdict that is soon known. */
const manyReasons = {
  anyOf: Array.from({ length: 8 }, (_, index) => ({ required: [`x${index}`], properties: { next: { $ref: "#" } } })),
};

function verdict(schema: unknown, value: unknown): string[] | string {
  try {
    return brief(violationsOf(schema, value));
  } catch (fault) {
    if (fault instanceof SelvageError) return fault.code;
    throw fault;
  }
}

describe("work", () => {
  test.each<[string, unknown, unknown, string[] | string]>([
    ["a deep value", tree, times<unknown>(90, (next) => ({ next }), 5), [`type ${"/next".repeat(90)}`]],
    ["a value deeper than any", tree, times<unknown>(20_000, (next) => ({ next }), {}), "content_too_complex"],
    ["deep lists", { items: { $ref: "#" } }, times<unknown>(20_000, (next) => [next], []), "content_too_complex"],
    [
      "deep items to compare",
      { uniqueItems: true },
      times<unknown>(20_000, (next) => [next], []),
      "content_too_complex",
    ],
    ["deep values of a constant", { const: [1] }, times<unknown>(20_000, (next) => [next], []), "content_too_complex"],
    ["a verdict without end", exponential, times<unknown>(60, (next) => ({ next }), {}), "content_too_complex"],
    ["reasons without end", manyReasons, times<unknown>(60, (next) => ({ next }), {}), ["anyOf "]],
    ["very many items", { items: { type: "integer" } }, new Array(1_000_000).fill(1), "content_too_complex"],
    ["very many equal items", { uniqueItems: true }, new Array(1_000_000).fill(1), ["uniqueItems "]],
    ["many items", { items: { type: "integer" } }, new Array(100_000).fill(1), []],
    ["a long text", { maxLength: 1 }, "a".repeat(10_000_000), ["maxLength "]],
    [
      "a long text to be matched",
      { pattern: "^((a{1,50}b?){1,10})+$" },
      `${"a".repeat(1_000_000)}b`,
      "content_too_complex",
    ],
    ["a text that would be tried over and over", { pattern: "^(a+)+$" }, `${"a".repeat(5_000)}b`, ["pattern "]],
    [
      "a text beyond what is matched, excluded",
      { not: { pattern: "b" } },
      "a".repeat(2_000_000),
      "content_too_complex",
    ],
    [
      "names to be matched",
      { patternProperties: { "^(x*)*y$": true } },
      { ["x".repeat(2_000_000)]: 1 },
      "content_too_complex",
    ],
    ["a number of very many digits", { maximum: 5 }, rawNumber("1".repeat(100_000)), "content_too_complex"],
    ["a number of a great power", { maximum: 5 }, rawNumber("1e999999999"), "content_too_complex"],
    ["a number near nothing", { multipleOf: 3 }, rawNumber("1e-99999"), ["multipleOf "]],
    ["a number of a large power", { multipleOf: 7 }, rawNumber("7e99999"), []],
  ])("%s", (_, schema, value, expected) => {
    expect(verdict(schema, value)).toEqual(expected);
  });

  test("what is too complex is told as a client's", () => {
    expect(() =>
      violationsOf(
        exponential,
        times<unknown>(60, (next) => ({ next }), {}),
      ),
    ).toThrow(`takes more than ${limits.contract.stepsMax} steps`);
  });
});

describe("names of prototypes", () => {
  const body = (text: string): unknown => parseWholeNumbers(text, 100);

  test.each<[string, unknown, unknown, string[]]>([
    ["inherited ones are not there", { required: ["constructor", "toString"] }, {}, ["required ", "required "]],
    [
      "nor allowed",
      { additionalProperties: false, properties: {} },
      body('{"constructor":1}'),
      ["additionalProperties /constructor"],
    ],
    [
      "a property of that name",
      body('{"properties":{"__proto__":{"type":"string"}}}'),
      body('{"__proto__":5}'),
      ["type /__proto__"],
    ],
    ["its absence", body('{"required":["__proto__"]}'), {}, ["required "]],
    [
      "its presence",
      body('{"required":["__proto__"],"properties":{"__proto__":true},"additionalProperties":false}'),
      body('{"__proto__":5}'),
      [],
    ],
    [
      "dependencies",
      body('{"dependentRequired":{"__proto__":["constructor"]}}'),
      body('{"__proto__":5}'),
      ["dependentRequired "],
    ],
    ["a dependency that is not there", body('{"dependentRequired":{"toString":["a"]}}'), {}, []],
    ["values that are equal", { const: body('{"__proto__":1}') }, body('{"__proto__":1}'), []],
    ["values that are not", { const: body('{"__proto__":1}') }, {}, ["const "]],
    ["members that look like kept numbers", { type: "object" }, { rawJSON: "1" }, []],
    ["a discriminating constant", { properties: { rawJSON: { const: "1" } } }, { rawJSON: "2" }, ["const /rawJSON"]],
  ])("%s", (_, schema, value, expected) => {
    expect(brief(violationsOf(schema, value))).toEqual(expected);
  });

  test("schemas with such names", () => {
    const documents = { "s.json": body('{"$defs":{"__proto__":{"type":"string"},"constructor":{"type":"null"}}}') };
    const roots = { __proto: "s.json#/$defs/__proto__", constructor: "s.json#/$defs/constructor" };
    const { schemas, problems } = compileSchemas({ documents, roots });
    expect(problems).toEqual([]);
    const set = new SchemaSet(schemas);
    expect(brief(validate(set, "constructor", 1))).toEqual(["type "]);
    expect(set.has("toString")).toBe(false);
    expect(() => validate(set, "toString", 1)).toThrow("no schema toString");
  });
});

describe("memory", () => {
  test("what is parsed is bounded, and evicted schemas are parsed again", () => {
    const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
    const long = "x".repeat(limits.contract.parsedCharsMax / 10);
    const texts = Object.fromEntries(names.map((name) => [name, JSON.stringify({ type: ["string"], const: long })]));
    const set = new SchemaSet(texts, makeRegex);
    for (const name of [...names, ...names]) expect(validate(set, name, long)).toEqual([]);
    const first = set.take("n0");
    expect(set.take("n0")).toBe(first);
    for (const name of names) set.take(name);
    expect(set.take("n0")).not.toBe(first);
  });

  test("a contract with patterns needs the engine", () => {
    const { schemas, patterns } = compileSchemas({
      documents: { "s.json": { pattern: "a" } },
      roots: { S: "s.json#" },
    });
    expect(patterns).toBe(true);
    expect(() => validate(new SchemaSet(schemas), "S", "a")).toThrow("needs the engine");
    expect(readySchema(true).has("S")).toBe(true);
  });
});
