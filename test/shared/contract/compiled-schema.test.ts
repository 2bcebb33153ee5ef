import { describe, expect, test } from "vitest";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { readExactJson } from "../../../shared/http/exact-json.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";
import { limits } from "../../../shared/limits.ts";
import { brief, readySchema, violationsOf } from "../../support/schemas.ts";

const json = (text: string): unknown => parseWholeNumbers(text, 100);

describe("what is told", () => {
  const order = {
    type: "object",
    required: ["id", "lines"],
    additionalProperties: false,
    properties: {
      id: { type: "integer", minimum: 1 },
      lines: {
        type: "array",
        minItems: 1,
        items: { type: "object", required: ["sku"], properties: { sku: { type: "string", minLength: 1 } } },
      },
      "a/b~c": { type: "string" },
    },
  };

  test("each violation with its place in the value and in the schema", () => {
    const value = { id: 0, lines: [{ sku: "" }, {}], "a/b~c": 1, extra: 2 };
    expect(violationsOf(order, value)).toEqual([
      { pointer: "/id", keyword: "minimum", at: "S#/properties/id/minimum", message: "must be at least 1" },
      {
        pointer: "/lines/0/sku",
        keyword: "minLength",
        at: "S#/properties/lines/items/properties/sku/minLength",
        message: "must not be empty",
      },
      {
        pointer: "/lines/1",
        keyword: "required",
        at: "S#/properties/lines/items/required",
        message: 'must have the property "sku"',
      },
      { pointer: "/a~1b~0c", keyword: "type", at: "S#/properties/a~1b~0c/type", message: "must be a string" },
      {
        pointer: "/extra",
        keyword: "additionalProperties",
        at: "S#/additionalProperties",
        message: "is not allowed here",
      },
    ]);
  });

  test("a place within a schema that has a name of its own begins with that name", () => {
    const schema = { properties: { pet: { $ref: "#/$defs/Pet" } }, $defs: { Pet: { required: ["name"] } } };
    expect(violationsOf(schema, { pet: {} })[0]).toMatchObject({ pointer: "/pet", at: "Pet#/required" });
  });

  test("no value of the client in any message", () => {
    const schema = {
      properties: {
        a: { enum: ["x"] },
        b: { pattern: "^x$", minLength: 40, format: "uuid" },
        c: { const: 1 },
        d: { oneOf: [{ type: "null" }, { required: ["x"] }, { required: ["y"] }] },
        e: { multipleOf: 7, maximum: 3 },
      },
    };
    const value = { a: "s3cret", b: "s3cret", c: "s3cret", d: { z: "s3cret" }, e: 733331 };
    const told = violationsOf(schema, value, { formats: true });
    expect(told).toHaveLength(8);
    expect(JSON.stringify(told)).not.toMatch(/s3cret|733331/);
  });

  test("at most so many", () => {
    const items = Array.from({ length: 500 }, () => "x");
    const schema = { items: { type: "integer" } };
    expect(violationsOf(schema, items)).toHaveLength(limits.contract.violationsDefault);
    expect(violationsOf(schema, items, { violationsMax: 3 })).toHaveLength(3);
    expect(violationsOf(schema, items, { violationsMax: 1e9 })).toHaveLength(limits.contract.violationsMax);
  });

  test("types of several kinds by their names", () => {
    expect(violationsOf({ type: ["integer", "null", "array"] }, "x")[0]?.message).toBe(
      "must be null, an array or an integer",
    );
  });
});

describe("a value that is none of several kinds", () => {
  const card = {
    type: "object",
    required: ["kind", "number"],
    properties: { kind: { const: "card" }, number: { type: "string" } },
  };
  const bank = {
    type: "object",
    required: ["kind", "iban"],
    properties: { kind: { const: "bank" }, iban: { type: "string" } },
  };

  test.each<[string, unknown, unknown, string[]]>([
    ["the one whose constant it has", { oneOf: [card, bank] }, { kind: "bank", iban: 5 }, ["type /iban"]],
    ["the one of its type", { anyOf: [{ type: "string" }, { type: "object", required: ["a"] }] }, {}, ["required "]],
    ["none where several are as close", { anyOf: [{ required: ["a"] }, { required: ["b"] }] }, {}, ["anyOf "]],
    ["none where none has its type", { oneOf: [{ type: "string" }, { type: "null" }] }, 5, ["oneOf "]],
    ["that it is several", { oneOf: [{ minimum: 1 }, { minimum: 2 }] }, 5, ["oneOf "]],
    [
      "the closest of the closest",
      { oneOf: [{ type: "null" }, { anyOf: [card, { type: "null" }] }] },
      { kind: "card" },
      ["required "],
    ],
  ])("%s", (_, schema, value, told) => {
    expect(brief(violationsOf(schema, value))).toEqual(told);
  });

  test("a discriminator says which one is meant", () => {
    const schemas = { Cat: { required: ["claws"] }, Dog: { required: ["bark", "size"] } };
    const pet = {
      oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
      discriminator: { propertyName: "type", mapping: { feline: "#/$defs/Cat" } },
      $defs: schemas,
    };
    const told = (value: unknown): string[] => brief(violationsOf(pet, value, {}, "openapi-3.1"));
    expect(told({ type: "Dog" })).toEqual(["required ", "required "]);
    expect(told({ type: "feline" })).toEqual(["required "]);
    expect(told({ type: "Dog", bark: 1, size: 1 })).toEqual([]);
    expect(violationsOf(pet, { type: "Bird" }, {}, "openapi-3.1")[0]?.message).toBe(
      'must have a property "type" that is one of "feline", "Dog"',
    );
  });
});

describe("numbers", () => {
  test.each<[string, unknown, string, boolean]>([
    ["0.07 of 0.01", { multipleOf: 0.01 }, "0.07", true],
    ["19.99 of 0.01", { multipleOf: 0.01 }, "19.99", true],
    ["0.075 of 0.01", { multipleOf: 0.01 }, "0.075", false],
    ["-4.35 of 0.05", { multipleOf: 0.05 }, "-4.35", true],
    ["1e308 of 0.5", { multipleOf: 0.5 }, "1e308", true],
    ["1e400 of 3", { multipleOf: 3 }, "1e400", false],
    ["3e400 of 3", { multipleOf: 3 }, "3e400", true],
    ["a multiple of 7 beyond doubles", { multipleOf: 7 }, "70000000000000000000000000007", true],
    ["not one beyond doubles", { multipleOf: 7 }, "70000000000000000000000000008", false],
    ["1.5e-7 of 1e-8", { multipleOf: 1e-8 }, "1.5e-7", true],
    ["1.0 is an integer", { type: "integer" }, "1.0", true],
    ["1e400 is an integer", { type: "integer" }, "1e400", true],
    ["1.5 is none", { type: "integer" }, "1.5", false],
    ["a large integer is one", { type: "integer" }, "123456789012345678901234567890", true],
    ["one above what a double rounds to", { maximum: 9007199254740992 }, "9007199254740993", false],
    ["the same", { maximum: 9007199254740992 }, "9007199254740992", true],
    ["1e400 is above", { maximum: 1e308 }, "1e400", false],
    ["-1e400 is below", { minimum: -1e308 }, "-1e400", false],
    ["a long one is above", { exclusiveMinimum: 9007199254740992 }, "9007199254740993", true],
    ["-0 is 0", { const: 0 }, "-0", true],
    ["-0 is at least 0", { minimum: 0 }, "-0", true],
    ["1.0 is the constant 1", { const: 1 }, "1.0", true],
    ["1.0 is one of 1 and 2", { enum: [1, 2] }, "1.0", true],
    ["true is not 1", { enum: [1] }, "true", false],
    ["a long constant", json('{"const":12345678901234567890}'), "12345678901234567890", true],
    ["another long one", json('{"const":12345678901234567890}'), "12345678901234567891", false],
    ["equal items, written otherwise", { uniqueItems: true }, "[1, 1.0]", false],
    ["long items", { uniqueItems: true }, "[12345678901234567890, 12345678901234567891]", true],
    ["equal long items", { uniqueItems: true }, "[12345678901234567890, 12345678901234567890]", false],
    ["int64", { format: "int64" }, "9223372036854775807", true],
    ["beyond int64", { format: "int64" }, "9223372036854775808", false],
    ["int32", { format: "int32" }, "-2147483648", true],
    ["beyond int32", { format: "int32" }, "2147483648", false],
    ["no int32", { format: "int32" }, "1.5", false],
  ])("%s", (_, schema, text, valid) => {
    const set = readySchema(schema);
    const exact = readExactJson(text);
    if (exact.fault !== undefined) throw new Error(exact.reason);
    for (const value of [json(text), exact.value])
      expect(validate(set, "S", value, { formats: true }).length === 0).toBe(valid);
  });
});

describe("text", () => {
  test.each<[string, unknown, unknown, boolean]>([
    ["code points, not units", { maxLength: 2 }, "😀😀", true],
    ["one too many", { maxLength: 1 }, "😀😀", false],
    ["least", { minLength: 3 }, "😀😀", false],
    ["half of a pair counts as one", { minLength: 2, maxLength: 2 }, "\ud83da", true],
    ["patterns search", { pattern: "b" }, "abc", true],
    ["an end is the end", { pattern: "^a$" }, "a\n", false],
    ["by code points", { pattern: "^.$" }, "😀", true],
    ["properties of Unicode", { pattern: "^\\p{Letter}+$" }, "Ωé", true],
    [
      "names by pattern",
      { patternProperties: { "^x-": { type: "string" } }, additionalProperties: false },
      { "x-a": 1 },
      false,
    ],
  ])("%s", (_, schema, value, valid) => {
    expect(violationsOf(schema, value).length === 0).toBe(valid);
  });
});

describe("directions", () => {
  const user = {
    type: "object",
    required: ["id", "name", "password"],
    properties: {
      id: { type: "integer", readOnly: true },
      name: { type: "string" },
      password: { type: "string", writeOnly: true },
    },
  };

  test.each<["request" | "response" | undefined, string[]]>([
    ["request", ["name", "password"]],
    ["response", ["name", "id"]],
    [undefined, ["name", "id", "password"]],
  ])("%s", (direction, names) => {
    const options = direction === undefined ? {} : { direction };
    const told = violationsOf(user, {}, options, "openapi-3.0").map(({ message }) => message);
    expect(told).toEqual(names.map((name) => `must have the property "${name}"`));
  });

  test("what another schema declares, which applies at the same place", () => {
    const schema = {
      allOf: [{ $ref: "#/$defs/Base" }, { required: ["id"] }],
      $defs: { Base: { properties: { id: { $ref: "#/$defs/Id" } } }, Id: { type: "integer", readOnly: true } },
    };
    expect(violationsOf(schema, {}, { direction: "request" })).toEqual([]);
    expect(brief(violationsOf(schema, {}, { direction: "response" }))).toEqual(["required "]);
  });

  test("a value of the other direction is tolerated", () => {
    expect(violationsOf(user, { id: 1, name: "a", password: "b" }, { direction: "request" }, "openapi-3.0")).toEqual(
      [],
    );
  });
});

describe("OpenAPI 3.0", () => {
  test.each<[string, unknown, unknown, boolean]>([
    ["nullable", { type: "string", nullable: true }, null, true],
    ["not nullable", { type: "string" }, null, false],
    ["null has to be in the enumeration", { type: "string", nullable: true, enum: ["a"] }, null, false],
    ["exclusive by a flag", { minimum: 5, exclusiveMinimum: true }, 5, false],
    ["not exclusive", { maximum: 5, exclusiveMaximum: false }, 5, true],
    [
      "what stands beside a reference is ignored",
      { properties: { a: { $ref: "#/definitions/a", type: "null" } }, definitions: { a: {} } },
      { a: 1 },
      true,
    ],
    ["keywords that it has not are ignored", { const: 1, patternProperties: { a: false } }, { a: 1 }, true],
  ])("%s", (_, schema, value, valid) => {
    expect(violationsOf(schema, value, {}, "openapi-3.0").length === 0).toBe(valid);
  });
});
