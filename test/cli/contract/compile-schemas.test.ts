import { describe, expect, test } from "vitest";
import { compileSchemas } from "../../../cli/contract/compile-schemas.ts";
import type { DialectName } from "../../../cli/contract/dialects.ts";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";

const compile = (schema: unknown, dialect?: DialectName) =>
  compileSchemas({ documents: { "s.json": schema }, roots: { S: "s.json#" }, ...(dialect && { dialect }) });
const compiled = (schema: unknown, dialect?: DialectName): unknown =>
  JSON.parse(compile(schema, dialect).schemas.S ?? "");

describe("a description by OpenAPI", () => {
  const documents = {
    "openapi.yaml": {
      openapi: "3.1.0",
      paths: {
        "/pets": {
          post: {
            requestBody: {
              content: {
                "application/json": { schema: { type: "array", items: { $ref: "#/components/schemas/Pet" } } },
              },
            },
          },
        },
      },
      components: {
        schemas: {
          Pet: {
            type: "object",
            properties: { owner: { $ref: "owner.yaml#/Owner" }, friend: { $ref: "#/components/schemas/Pet" } },
          },
          Unused: { type: "string" },
        },
      },
    },
    "owner.yaml": { Owner: { type: "object", required: ["name"] } },
  };
  const roots = {
    "createPet body": "openapi.yaml#/paths/~1pets/post/requestBody/content/application~1json/schema",
    Pet: "openapi.yaml#/components/schemas/Pet",
    Animal: "openapi.yaml#/components/schemas/Pet",
  };
  const result = compileSchemas({ documents, roots, dialect: "openapi-3.1" });

  test("names stand for places, and references go by name", () => {
    expect(result.problems).toEqual([]);
    expect(result.patterns).toBe(false);
    expect(Object.fromEntries(Object.entries(result.schemas).map(([name, text]) => [name, JSON.parse(text)]))).toEqual({
      "createPet body": { type: ["array"], items: { $ref: "Pet" } },
      Pet: { type: ["object"], properties: { owner: { $ref: "owner.yaml#/Owner" }, friend: { $ref: "Pet" } } },
      Animal: { $ref: "Pet" },
      "owner.yaml#/Owner": { type: ["object"], required: ["name"] },
    });
  });

  test("and are told by them", () => {
    const set = new SchemaSet(result.schemas);
    expect(validate(set, "createPet body", [{ owner: {} }])[0]).toEqual({
      pointer: "/0/owner",
      keyword: "required",
      at: "owner.yaml#/Owner/required",
      message: 'must have the property "name"',
    });
  });

  test("the same every time", () => {
    expect(compileSchemas({ documents, roots, dialect: "openapi-3.1" })).toEqual(result);
  });

  test("what has a name that is taken keeps its place as its name", () => {
    const schema = { $defs: { S: { type: "null" } }, properties: { a: { $ref: "#/$defs/S" } } };
    expect(Object.keys(compile(schema).schemas)).toEqual(["S", "s.json#/$defs/S"]);
  });
});

describe("problems", () => {
  test.each<[string, unknown, DialectName | undefined, string, RegExp]>([
    ["an unknown reference", { items: { $ref: "#/nowhere" } }, undefined, "/items/$ref", /refers to #\/nowhere/],
    ["an unknown document", { $ref: "https://a.example/b" }, undefined, "/$ref", /not among the documents/],
    ["a reference to itself", { $ref: "#" }, undefined, "", /refers to itself .*: S -> S/],
    [
      "a reference to itself by others",
      { allOf: [{ $ref: "#/$defs/a" }], $defs: { a: { anyOf: [{ $ref: "#" }] } } },
      undefined,
      "",
      /S -> a -> S/,
    ],
    ["an unknown type", { type: "text" }, undefined, "/type", /must be one of null, boolean/],
    ["several types in 3.0", { type: ["string", "null"] }, "openapi-3.0", "/type", /nullable/],
    ["a bound that is none", { maximum: "5" }, undefined, "/maximum", /must be a number/],
    ["a size that is none", { minLength: -1 }, undefined, "/minLength", /whole number/],
    ["a divisor of 0", { multipleOf: 0 }, undefined, "/multipleOf", /above 0/],
    ["a flag of draft 4", { minimum: 1, exclusiveMinimum: true }, undefined, "/exclusiveMinimum", /must be a number/],
    ["a number in 3.0", { exclusiveMinimum: 1 }, "openapi-3.0", "/exclusiveMinimum", /true or false/],
    ["a list of items in 2020-12", { items: [{}] }, undefined, "/items", /prefixItems/],
    [
      "required as a flag",
      { properties: { a: { required: true } } },
      undefined,
      "/properties/a/required",
      /list of names/,
    ],
    ["no choice", { anyOf: [] }, undefined, "/anyOf", /not empty/],
    ["no schemas", { properties: { a: 5 } }, undefined, "/properties", /mapping of names to schemas/],
    ["no mapping", { properties: null, $defs: 5 }, undefined, "/properties", /mapping of names to schemas/],
    ["an unknown dialect", { $schema: "https://a.example/draft" }, undefined, "/$schema", /dialect that is not known/],
    ["no expression", { pattern: "(" }, undefined, "/pattern", /not a regular expression/],
    [
      "a name that is no expression",
      { patternProperties: { "[": {} } },
      undefined,
      "/patternProperties/[",
      /not a regular expression/,
    ],
  ])("%s", (_, schema, dialect, pointer, reason) => {
    const { problems, schemas } = compile(schema, dialect);
    expect(problems).toEqual([{ kind: "schema", document: "s.json", pointer, reason: expect.stringMatching(reason) }]);
    expect(schemas.S).toBeDefined();
  });

  test("what needs backtracking is told apart, and left out", () => {
    const { problems, schemas } = compile({ type: "string", pattern: "^(?=a)", minLength: 1 });
    expect(problems).toEqual([
      {
        kind: "pattern",
        document: "s.json",
        pointer: "/pattern",
        reason: expect.stringContaining("looks around"),
        advice: expect.any(String),
      },
    ]);
    expect(JSON.parse(schemas.S ?? "")).toEqual({ type: ["string"], minLength: 1 });
  });

  test("a root that is not there", () => {
    const { problems, schemas } = compileSchemas({ documents: {}, roots: { Pet: "a.yaml#/Pet" } });
    expect(problems).toEqual([
      { kind: "schema", document: "a.yaml", pointer: "/Pet", reason: "the schema Pet does not exist" },
    ]);
    expect(schemas).toEqual({});
  });

  test("schemas without end", () => {
    const endless: Record<string, unknown> = {};
    endless.properties = { a: endless, b: endless };
    const { problems } = compile(endless);
    expect(problems[0]?.reason).toMatch(/nested more than 400 deep/);
  });

  test("references in a long row", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, at) => [`d${at}`, { items: { $ref: `#/$defs/d${at + 1}` } }]),
    );
    expect(compile({ $ref: "#/$defs/d0", $defs: { ...$defs, d5000: { type: "null" } } }).problems).toEqual([]);
  });
});

describe("what is compiled away", () => {
  test.each<[string, unknown, DialectName | undefined, unknown]>([
    [
      "annotations",
      { title: "a", description: "b", default: 1, examples: [1], $comment: "c", "x-a": 1 },
      undefined,
      true,
    ],
    ["formats that nothing asserts", { format: "password" }, undefined, true],
    ["nullable", { type: "string", nullable: true }, "openapi-3.0", { type: ["string", "null"] }],
    [
      "flags",
      { minimum: 1, exclusiveMinimum: true, maximum: 2, exclusiveMaximum: false },
      "draft-04",
      { exclusiveMinimum: 1, maximum: 2 },
    ],
    [
      "what stands beside a reference",
      { properties: { a: { $ref: "#/definitions/b", type: "null" } }, definitions: { b: {} } },
      "draft-07",
      { properties: { a: { $ref: "b" } } },
    ],
    [
      "numbers beyond doubles stay",
      { maximum: 9223372036854775807n, enum: [1n] },
      undefined,
      { maximum: Number(9223372036854775807n), enum: [1] },
    ],
    [
      "an empty list of items",
      { items: [], additionalItems: false },
      "draft-07",
      { items: [], additionalItems: false },
    ],
  ])("%s", (_, schema, dialect, expected) => {
    expect(compiled(schema, dialect)).toEqual(expected);
  });

  test("an exact number is written by its digits", () => {
    expect(compile({ maximum: 9223372036854775807n }).schemas.S).toBe('{"maximum":9223372036854775807}');
  });
});

test("a description of 500 operations and 1,500 schemas", () => {
  const schemas: Record<string, unknown> = {};
  const roots: Record<string, string> = {};
  for (let at = 0; at < 1_500; at++) {
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `field${index}`,
        index % 4 === 0
          ? { $ref: `#/components/schemas/S${(at * 7 + index * 13) % 1_500}` }
          : {
              type: ["string", "null"],
              description: "what it is",
              maxLength: index,
              pattern: `^[a-z-]{0,${at % 50}}$`,
            },
      ]),
    );
    schemas[`S${at}`] = { type: "object", required: ["field1"], properties };
    roots[`S${at}`] = `api.yaml#/components/schemas/S${at}`;
  }
  for (let at = 0; at < 500; at++) roots[`op${at} body`] = `api.yaml#/components/schemas/S${at}/properties/field4`;
  const result = compileSchemas({
    documents: { "api.yaml": { openapi: "3.1.0", components: { schemas } } },
    roots,
    dialect: "openapi-3.1",
  });
  expect(result.problems).toEqual([]);
  expect(Object.keys(result.schemas)).toHaveLength(2_000);
  expect(result.patterns).toBe(true);
});
