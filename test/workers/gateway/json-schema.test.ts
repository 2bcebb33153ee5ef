/** The engine of schemas where it runs: the stack of a Worker holds what the bounds allow, and expressions are loaded when needed. */
import { describe, expect, test } from "vitest";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";
import type { CompiledSchema } from "../../../shared/contract/schema-types.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";

const set = (schemas: Record<string, CompiledSchema>): SchemaSet =>
  new SchemaSet(Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, JSON.stringify(schema)])));

/** Each adds frames of another kind for a level of the value. */
const recursive: Record<string, CompiledSchema> = {
  properties: { properties: { n: { $ref: "S" } }, additionalProperties: false },
  choices: {
    anyOf: [{ type: ["null"] }, { allOf: [{ properties: { n: { $ref: "S" } } }], unevaluatedProperties: false }],
  },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  conditions: { if: { type: ["object"] }, then: { oneOf: [{ properties: { n: { $ref: "S" } } }, false] } },
  names: { dependentSchemas: { n: { properties: { n: { $ref: "S" } } } } },
};

describe.each(Object.entries(recursive))("%s", (_, schema) => {
  const schemas = set({ S: schema });
  const nested = (depth: number, inner: unknown): unknown => {
    let value = inner;
    for (let level = 0; level < depth; level++) value = { n: value };
    return value;
  };

  test("as deep as schemas may go, and far deeper", () => {
    const verdicts = [10, 50, 100, 150, 200, 300, 600, 10_000].map((depth) => {
      try {
        return validate(schemas, "S", nested(depth, null)).length;
      } catch (fault) {
        return String(fault).replace(/:.*/, "");
      }
    });
    expect(verdicts.slice(0, 3)).toEqual([0, 0, 0]);
    expect(verdicts.at(-1)).toBe("SelvageError");
    expect(new Set(verdicts)).toEqual(new Set([0, "SelvageError"]));
  });
});

test("numbers by their digits", () => {
  const schemas = set({ S: { type: ["integer"], maximum: 9007199254740992 } });
  expect(validate(schemas, "S", parseWholeNumbers("9007199254740992", 1))).toEqual([]);
  expect(validate(schemas, "S", parseWholeNumbers("9007199254740993", 1))).toMatchObject([{ keyword: "maximum" }]);
});

test("expressions", async () => {
  const { makeRegex } = await import("../../../shared/contract/schema-regexes.ts");
  const schemas = new SchemaSet({ S: JSON.stringify({ pattern: "^(a+)+$" }) }, makeRegex);
  expect(validate(schemas, "S", "a".repeat(1_000))).toEqual([]);
  expect(validate(schemas, "S", `${"a".repeat(1_000)}b`)).toMatchObject([{ keyword: "pattern", at: "S#/pattern" }]);
});
