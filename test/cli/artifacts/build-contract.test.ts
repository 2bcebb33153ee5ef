/** API descriptions as people write them, and what becomes of them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { buildContract, readContract } from "../../../cli/artifacts/build-contract.ts";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";
import { DescriptionFolder, type Files, HEAD, ID, main, operation } from "../../support/description-folder.ts";
import { largeDescription } from "../../support/large-description.ts";

let folder: DescriptionFolder;
beforeEach(() => {
  folder = new DescriptionFolder();
});
afterEach(() => folder.remove());

describe("parameters", () => {
  const parametersOf = (text: string, others: Files = {}) =>
    folder.whole(
      main(
        `paths:\n  /a/{id}:\n    parameters:\n      - ${ID.slice(13, -1)}\n    get:\n      parameters:\n${text.replace(/^/gm, "        ")}\n`,
        others,
      ),
    ).operations[0]?.parameters;

  test("of the path, and of the operation instead", () => {
    expect(parametersOf("- { name: id, in: path, required: true, style: label, schema: { type: integer } }")).toEqual([
      {
        name: "id",
        in: "path",
        required: true,
        style: "label",
        explode: false,
        schema: expect.any(String),
        shape: { types: ["integer"] },
      },
    ]);
  });
  test.each([
    ["{ name: a, in: query, schema: {} }", { style: "form", explode: true }],
    ["{ name: a, in: query, explode: false, schema: {} }", { style: "form", explode: false }],
    ["{ name: a, in: query, style: pipeDelimited, schema: {} }", { style: "pipeDelimited", explode: false }],
    ["{ name: a, in: query, style: deepObject, explode: true, schema: {} }", { style: "deepObject", explode: true }],
    ["{ name: a, in: query, allowReserved: true, schema: {} }", { style: "form", explode: true, allowReserved: true }],
    ["{ name: a, in: header, schema: {} }", { style: "simple", explode: false }],
    ["{ name: a, in: cookie, schema: {} }", { style: "form", explode: true }],
    ["{ name: a, in: query, content: { Application/JSON; x=1: { schema: {} } } }", { mediaType: "application/json" }],
    ["{ name: a, in: query, content: { application/json: {} } }", { mediaType: "application/json", schema: undefined }],
  ])("%s", (text, expected) => {
    const { schema = undefined, ...rest } = { schema: expect.any(String), ...expected } as Record<string, unknown>;
    expect(parametersOf(`- ${text}`)?.[1]).toEqual({
      ...{ name: "a", required: false, in: expect.any(String), ...rest },
      ...(schema !== undefined && { schema }),
    });
  });
  test("those that other parts of HTTP say are not looked at", () => {
    const names = ["Accept", "content-type", "Authorization"];
    expect(parametersOf(names.map((name) => `- { name: ${name}, in: header, schema: {} }`).join("\n"))).toHaveLength(1);
  });
  test("by reference, here and in other files", () => {
    const found = parametersOf(
      "- { $ref: 'shared/parameters.yaml#/page' }\n- { $ref: '#/components/parameters/a~1b%7D' }\ncomponents: 1".split(
        "\ncomp",
      )[0] ?? "",
      {
        "shared/parameters.yaml": "page: { $ref: ../more.json#/0 }\n",
        "more.json": '[{"name": "page", "in": "query", "schema": {"$ref": "shared/types.yaml#/Page"}}]',
        "shared/types.yaml": "Page: { type: integer, maximum: 7 }\n",
        "main.yaml": `${HEAD}components: { parameters: { "a/b}": { name: ab, in: query, schema: {} } } }\npaths: { "/a/{id}": { get: { ${ID.replace("]", ", { $ref: 'shared/parameters.yaml#/page' }, { $ref: '#/components/parameters/a~1b%7D' }]")} } } }\n`,
      },
    );
    expect(found?.map(({ name, schema }) => [name, schema])).toEqual([
      ["id", "paths/~1a~1{id}/get/parameters/0/schema"],
      ["page", "shared/types.yaml#/Page"],
      ["ab", "components/parameters/a~1b}/schema"],
    ]);
  });
});

describe("what text is read as", () => {
  test.each([
    ["{ type: integer }", { types: ["integer"] }],
    ["{}", undefined],
    ["true", undefined],
    ["{ enum: [1, a, null] }", { types: ["string", "integer", "null"] }],
    ["{ const: 1.5 }", { types: ["number"] }],
    ["{ type: [string, 'null'] }", { types: ["string", "null"] }],
    ["{ type: array, items: { type: number } }", { types: ["array"], items: { types: ["number"] } }],
    [
      "{ properties: { a: { type: boolean }, b: {} } }",
      { types: ["object"], properties: { a: { types: ["boolean"] } } },
    ],
    ["{ allOf: [{ type: [number, string] }, { type: integer }] }", { types: ["integer"] }],
    [
      "{ oneOf: [{ type: integer }, { type: array, items: { type: integer } }] }",
      { types: ["integer", "array"], items: { types: ["integer"] } },
    ],
    ["{ anyOf: [{ type: integer }, {}] }", undefined],
    ["{ $ref: '#/components/schemas/Tree' }", { types: ["object"], properties: { size: { types: ["integer"] } } }],
  ])("%s", (schema, shape) => {
    const tree = "components: { schemas: { Tree: { type: object, properties: { size: { type: integer } } } } }";
    const parameter = `{ name: a, in: query, schema: ${schema} }`;
    const found = folder.whole(main(`paths: { /a: { get: { parameters: [${parameter}] } } }\n${tree}\n`));
    expect(found.operations[0]?.parameters[0]?.shape).toEqual(shape);
  });
  test("of schemas that multiply, within bounds", () => {
    const names = Array.from({ length: 40 }, (_, at) => `S${at}`);
    const next = (at: number): string => `{ $ref: '#/components/schemas/S${at + 1}' }`;
    const schemas = names.map(
      (name, at) =>
        `${name}: { anyOf: [${at === 39 ? "{ type: integer }" : `${next(at)}, { allOf: [${next(at)}] }`}] }`,
    );
    const parameter = "{ name: a, in: query, schema: { $ref: '#/components/schemas/S0' } }";
    const text = `paths: { /a: { get: { parameters: [${parameter}] } } }\ncomponents: { schemas: { ${schemas.join(", ")} } }\n`;
    expect(folder.whole(main(text)).operations).toHaveLength(1);
  });
  test("of a tree, as deep as is told", () => {
    const found = folder.whole(
      main(
        "paths: { /a: { post: { requestBody: { content: { application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Tree' } } } } } } }\ncomponents: { schemas: { Tree: { type: object, properties: { size: { type: integer }, left: { $ref: '#/components/schemas/Tree' } } } } }\n",
      ),
    );
    let shape = found.operations[0]?.body?.content[0]?.shape;
    let depth = 0;
    for (; shape !== undefined; depth++) shape = shape.properties?.left;
    expect(depth).toBe(9);
  });
});

describe("the encoding of fields", () => {
  const body = (type: string, encoding: string): string =>
    `requestBody: { content: { ${type}: { schema: { type: object, properties: { tags: { type: array, items: { type: integer } } } }, encoding: ${encoding} } } }`;
  const URLENCODED = "application/x-www-form-urlencoded";
  const readOf = (type: string, encoding: string) =>
    folder.whole(operation(`${ID}\n${body(type, encoding)}`)).operations[0]?.body?.content[0]?.encoding;
  const tags = {
    name: "tags",
    in: "query",
    required: false,
    shape: { types: ["array"], items: { types: ["integer"] } },
  };
  test.each<[string, string, unknown]>([
    [
      URLENCODED,
      "{ tags: { style: form, explode: false } }",
      [{ name: "tags", as: { ...tags, style: "form", explode: false } }],
    ],
    [
      URLENCODED,
      "{ tags: { explode: false, contentType: a/b } }",
      [{ name: "tags", as: { ...tags, style: "form", explode: false } }],
    ],
    [
      URLENCODED,
      "{ tags: { allowReserved: true } }",
      [{ name: "tags", as: { ...tags, style: "form", explode: true, allowReserved: true } }],
    ],
    [
      URLENCODED,
      "{ tags: { contentType: application/json } }",
      [{ name: "tags", as: { ...tags, mediaType: "application/json" } }],
    ],
    [
      URLENCODED,
      "{ constructor: { style: deepObject } }",
      [
        {
          name: "constructor",
          as: { name: "constructor", in: "query", required: false, style: "deepObject", explode: false },
        },
      ],
    ],
    [URLENCODED, "{ tags: { headers: {} } }", undefined],
    [
      "multipart/form-data",
      "{ b: { contentType: 'image/png, Image/*' }, a: { contentType: text/plain } }",
      [
        { name: "a", types: ["text/plain"] },
        { name: "b", types: ["image/png", "image/*"] },
      ],
    ],
    ["multipart/form-data", "{ tags: { style: form } }", undefined],
    ["application/json", "{ tags: { style: form } }", undefined],
  ])("%s: %s", (type, encoding, expected) => expect(readOf(type, encoding)).toEqual(expected));
  test.each([
    [URLENCODED, "{ tags: { style: matrix } }", "there is no such style in forms"],
    [URLENCODED, "{ tags: 7 }", "the encoding of a field is a mapping"],
    ["multipart/form-data", "{ tags: { contentType: 'image/png, ' } }", "has media types or ranges"],
    ["multipart/form-data", "{ tags: { contentType: 7 } }", "has media types or ranges"],
  ])("%s: %s is refused", (type, encoding, message) => {
    expect(folder.told(operation(`${ID}\n${body(type, encoding)}`))).toEqual([
      expect.stringMatching(new RegExp(`error SLV3143 .*${message}`)),
    ]);
  });
});

describe("content", () => {
  test("more specific types come first, parameters of types go", () => {
    const body =
      "requestBody: { required: true, content: { '*/*': {}, 'text/*': {}, 'Text/Plain; charset=utf-8': { schema: { type: string } }, application/json: {} } }";
    const { body: read } = folder.whole(operation(`${ID}\n${body}`)).operations[0] ?? {};
    expect(read).toEqual({
      required: true,
      content: [
        { mediaType: "application/json" },
        { mediaType: "text/plain", schema: expect.any(String) },
        { mediaType: "text/*" },
        { mediaType: "*/*" },
      ],
    });
  });
  test("of one type with two parameters nothing is judged, and that is told", () => {
    const files = operation(
      `${ID}\nrequestBody: { content: { 'a/b; v=1': { schema: { type: string } }, 'a/b; v=2': {} } }`,
    );
    expect(folder.told(files)).toEqual([
      expect.stringContaining('warning SLV3143 main.yaml:7:75 "a/b" is described twice'),
    ]);
    expect(folder.read(files).contract?.operations[0]?.body?.content).toEqual([{ mediaType: "a/b" }]);
  });
  test("answers by status, range and default, with fields", () => {
    const answers =
      "responses: { 200: { headers: { x-total: { required: true, schema: { type: integer } }, Content-Type: { schema: {} } } }, 4XX: {}, default: { content: { application/json: { schema: { type: object } } } } }";
    const { responses } = folder.whole(operation(`${ID}\n${answers}`)).operations[0] ?? {};
    expect(responses).toEqual({
      200: {
        content: [],
        headers: [
          {
            name: "x-total",
            in: "header",
            required: true,
            style: "simple",
            explode: false,
            schema: expect.any(String),
            shape: { types: ["integer"] },
          },
        ],
      },
      "4XX": { content: [], headers: [] },
      default: { content: [{ mediaType: "application/json", schema: expect.any(String) }], headers: [] },
    });
  });
});

test.each([
  ["servers: []", ""],
  ["servers: [{ url: 'https://a.example' }]", ""],
  ["servers: [{ url: 'https://a.example/' }]", ""],
  ["servers: [{ url: 'https://a.example:8443/api//v1/?x#y' }, { url: /other }]", "/api/v1"],
  ["servers: [{ url: /v1 }]", "/v1"],
  ["servers: [{ url: ./v1/ }]", "/v1"],
  ["servers: [{ url: 'https://{host}/{base}', variables: { host: { default: a }, base: { default: v2 } } }]", "/v2"],
])("base path of %s", (servers, expected) => {
  expect(folder.whole(main(`${servers}\npaths: { /a: { get: {} } }\n`)).basePath).toBe(expected);
});

test("servers of paths and operations are not looked at, and that is said", () => {
  const servers = "servers: [{ url: /other }]";
  const files = main(`paths:\n  /a:\n    ${servers}\n    get: {}\n  /b:\n    get:\n      ${servers}\n`);
  expect(folder.told(files)).toEqual([
    expect.stringContaining("warning SLV3143 main.yaml:5:5 `servers` of a path"),
    expect.stringContaining("warning SLV3143 main.yaml:9:7 `servers` of an operation"),
  ]);
});

test("methods of 3.2, words to the edge, names of operations without one", () => {
  const text =
    "paths: { /a: { query: { x-selvage: { requests: shadow, responses: 'off' } }, additionalOperations: { PURGE: { operationId: purge } } } }\n";
  const { operations } = folder.whole({ "main.yaml": `openapi: 3.2.0\ninfo: { title: t, version: '1' }\n${text}` });
  expect(operations.map(({ id, method, modes }) => [id, method, modes])).toEqual([
    ["purge", "PURGE", undefined],
    ["QUERY /a", "QUERY", { requests: "shadow", responses: "off" }],
  ]);
});

describe("dialects", () => {
  const violations = (version: string, schema: string, value: unknown): number => {
    const contract = folder.whole({
      "main.yaml": `openapi: ${version}\ninfo: { title: t, version: '1' }\npaths: { /a: { post: { requestBody: { content: { application/json: { schema: ${schema} } } } } } }\ncomponents: { schemas: { Name: { type: string } } }\n`,
    });
    const name = contract.operations[0]?.body?.content[0]?.schema ?? "";
    return validate(new SchemaSet(contract.schemas), name, value).length;
  };
  test.each<[string, string, unknown, number]>([
    ["3.0.3", "{ type: string, nullable: true }", null, 0],
    ["3.1.0", "{ type: string, nullable: true }", null, 1],
    ["3.1.0", "{ type: [string, 'null'] }", null, 0],
    ["3.0.3", "{ type: integer, minimum: 1, exclusiveMinimum: true }", 1, 1],
    ["3.1.0", "{ type: integer, exclusiveMinimum: 1 }", 1, 1],
    ["3.0.3", "{ $ref: '#/components/schemas/Name', maxLength: 1 }", "abc", 0],
    ["3.1.0", "{ $ref: '#/components/schemas/Name', maxLength: 1 }", "abc", 1],
    ["3.1.0", "{ const: 1 }", 2, 1],
    ["3.1.0", "false", 2, 1],
  ])("%s: %s", (version, schema, value, expected) => {
    expect(violations(version, schema, value)).toBe(expected);
  });
});

test("the same meaning is the same bytes, however it is written", () => {
  const large = largeDescription(2);
  const paths = Object.fromEntries(Object.entries(large.paths as object).reverse());
  folder.put({
    "a.json": JSON.stringify(large),
    "b.yaml": stringify({ ...large, paths }, { aliasDuplicateObjects: true }),
  });
  const bytesOf = (openapi: string): Uint8Array | undefined => {
    const built = buildContract({ openapi }, folder.reader, []);
    expect(built.problems).toEqual([]);
    return built.bytes;
  };
  const [a, b] = [bytesOf("a.json"), bytesOf("b.yaml")];
  expect(a?.byteLength).toBeGreaterThan(1000);
  expect(new TextDecoder().decode(b)).toBe(new TextDecoder().decode(a));
});

test.each(["3.0.3", "3.1.0"] as const)("700 operations of %s, whole", (version) => {
  const bytes = new TextEncoder().encode(JSON.stringify(largeDescription(100, version)));
  const { contract, problems } = readContract({ openapi: "a.json" }, () => bytes, []);
  expect(problems).toEqual([]);
  expect(contract?.operations).toHaveLength(700);
  expect(JSON.stringify(contract)).not.toContain("Says what becomes of");
});

test("files whose names are no URLs", () => {
  const files = {
    "a b#c.yaml": "Page: { type: integer }\n",
    "sub/d+e.yaml": "Size: { $ref: '../a%20b%23c.yaml#/Page' }\n",
  };
  const { schemas } = folder.whole(
    main(
      "paths: { /a: { get: { parameters: [{ name: a, in: query, schema: { $ref: 'sub/d+e.yaml#/Size' } }] } } }\n",
      files,
    ),
  );
  expect(Object.values(schemas)).toContain('{"type":["integer"]}');
});

test("operations in files of their own", () => {
  const files = {
    "resources/list.yaml": "operationId: list\nparameters: [{ $ref: ../shared.yaml#/page }]\n",
    "shared.yaml": "page: { name: page, in: query, schema: { type: integer } }\n",
  };
  const { operations } = folder.whole(main("paths: { /a: { get: { $ref: resources/list.yaml } } }\n", files));
  expect(operations).toMatchObject([{ id: "list", method: "GET", parameters: [{ name: "page" }] }]);
});
