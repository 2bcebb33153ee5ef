/** Random schemas and values: the verdict is that of a second implementation. */
import { registerSchema, unregisterSchema } from "@hyperjump/json-schema/draft-2020-12";
import { compile, getSchema, interpret } from "@hyperjump/json-schema/experimental";
import * as Instance from "@hyperjump/json-schema/instance/experimental";
import fc from "fast-check";
import { expect, test } from "vitest";
import { validate } from "../../shared/contract/compiled-schema.ts";
import { readySchema } from "../support/schemas.ts";

const DIALECT = "https://json-schema.org/draft/2020-12/schema";
const NAMES = ["a", "b", "ab", "c"];

const name = fc.constantFrom(...NAMES);
const names = fc.uniqueArray(name, { maxLength: 3 });
const size = fc.nat({ max: 3 });
const number = fc.constantFrom(-2, -1, 0, 0.5, 1, 1.5, 2, 3);
const scalar = fc.oneof(number, fc.constantFrom("", "a", "ab", "b1", "😀"), fc.boolean(), fc.constant(null));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  ),
}));

const type = fc.constantFrom("null", "boolean", "object", "array", "number", "string", "integer");
const pattern = fc.constantFrom("^a", "b$", "\\d", "^[ab]*$", "^$");

const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
  const one = tie("schema");
  const list = fc.array(one, { minLength: 1, maxLength: 3 });
  const map = fc.dictionary(name, one, { maxKeys: 3 });
  const scalars = {
    type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(value, { minLength: 1, maxLength: 4 }),
    const: value,
    minimum: number,
    exclusiveMaximum: number,
    multipleOf: fc.constantFrom(0.5, 1, 2),
    minLength: size,
    maxLength: size,
    pattern,
  };
  const arrays = {
    minItems: size,
    maxItems: size,
    uniqueItems: fc.boolean(),
    prefixItems: list,
    items: one,
    contains: one,
    minContains: size,
    maxContains: size,
    unevaluatedItems: one,
  };
  const objects = {
    minProperties: size,
    maxProperties: size,
    required: names,
    properties: map,
    patternProperties: fc.dictionary(pattern, one, { maxKeys: 2 }),
    additionalProperties: one,
    propertyNames: one,
    dependentRequired: fc.dictionary(name, names, { maxKeys: 2 }),
    dependentSchemas: fc.dictionary(name, one, { maxKeys: 2 }),
    unevaluatedProperties: one,
  };
  const choices = {
    allOf: list,
    anyOf: list,
    oneOf: list,
    not: one,
    if: one,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: one,
    else: one,
    $ref: fc.constantFrom("#/$defs/x", "#/$defs/y"),
  };
  const some = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
    fc
      .subarray(Object.keys(model), { minLength: 1, maxLength: 3 })
      .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, model[key] ?? fc.constant(true)]))));
  return {
    schema: fc.oneof(
      { depthSize: "small", maxDepth: 3 },
      fc.oneof(fc.boolean(), some(scalars)),
      some(arrays),
      some(objects),
      some(choices),
      some({ ...arrays, ...choices }),
      some({ ...objects, ...choices }),
    ),
  };
});

/** Not objects at the same place, so that no reference leads in a circle. */
const leaf = fc.record(
  { type, properties: fc.dictionary(name, fc.constant({ type: "string" }), { maxKeys: 2 }) },
  { requiredKeys: [] },
);

test("a second implementation has the same verdict", async () => {
  let valid = 0;
  let all = 0;
  const seen = fc.asyncProperty(
    schema,
    leaf,
    leaf,
    fc.array(value, { minLength: 1, maxLength: 6 }),
    async (root, x, y, values) => {
      const whole = { $schema: DIALECT, $defs: { x, y }, allOf: [root] };
      registerSchema(whole as Parameters<typeof registerSchema>[0], "https://schemas.example/s");
      try {
        const judge = await compile(await getSchema("https://schemas.example/s"));
        const set = readySchema(whole);
        for (const one of values) {
          const expected = interpret(judge, Instance.fromJs(one as never), "FLAG").valid;
          expect(validate(set, "S", one).length === 0, JSON.stringify([whole, one])).toBe(expected);
          all++;
          if (expected) valid++;
        }
      } finally {
        unregisterSchema("https://schemas.example/s");
      }
    },
  );
  await fc.assert(seen, { numRuns: 400, interruptAfterTimeLimit: 20_000 });
  expect(valid / all).toBeGreaterThan(0.1);
  expect(valid / all).toBeLessThan(0.9);
});
