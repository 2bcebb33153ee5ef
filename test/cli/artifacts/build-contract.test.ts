/** API descriptions as people write them, and as they should not. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { buildContract, readContract } from "../../../cli/artifacts/build-contract.ts";
import { documentFolder } from "../../../cli/artifacts/document-folder.ts";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import type { Contract } from "../../../shared/contract/contract.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";
import { largeDescription } from "../../support/large-description.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-contract-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

function put(files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, "api", name)), { recursive: true });
    writeFileSync(path.join(folder, "api", name), text);
  }
}

const reader = (): ((name: string) => Uint8Array) => documentFolder(path.join(folder, "api/selvage.yaml"));

/** `main.yaml` with its overlays, whose names begin with `overlay`. */
function read(files: Files) {
  put(files);
  const overlays = Object.keys(files).filter((name) => name.startsWith("overlay"));
  const settings = { openapi: "main.yaml", ...(overlays.length > 0 && { overlays }) };
  return readContract(settings, reader(), ["gateway", "contracts", "main"]);
}

const told = (files: Files): string[] =>
  read(files).problems.map(
    ({ code, severity, file, line, column, message }) => `${severity} ${code} ${file}:${line}:${column} ${message}`,
  );

function whole(files: Files): Contract {
  const { contract, problems } = read(files);
  expect(problems).toEqual([]);
  if (contract === undefined) throw new Error("no contract");
  return contract;
}

const HEAD = "openapi: 3.1.0\ninfo: { title: t, version: '1' }\n";
const main = (text: string, others: Files = {}): Files => ({ "main.yaml": `${HEAD}${text}`, ...others });
/** One operation whose parts begin on line 5, at the column 7. */
const operation = (text: string, others: Files = {}): Files =>
  main(`paths:\n  /a/{id}:\n    get:\n${text.replace(/^/gm, "      ")}\n`, others);
const ID = "parameters: [{ name: id, in: path, required: true, schema: { type: string } }]";

/** What the first problem begins with. */
const refused: [what: string, files: Files, problem: string][] = [
  [
    "Swagger 2.0",
    { "main.yaml": "swagger: '2.0'\npaths: {}\n" },
    "error SLV3141 main.yaml:1:10 descriptions by Swagger 2.0 are not read",
  ],
  [
    "another version",
    { "main.yaml": "openapi: 4.0.0\n" },
    "error SLV3141 main.yaml:1:10 descriptions by OpenAPI 4.0.0 are not read",
  ],
  ["what is none", { "main.yaml": "paths: {}\n" }, "error SLV3141 main.yaml:1:1 this is no API description"],
  ["a list", { "main.yaml": "- a\n" }, "error SLV3141 main.yaml:1:1 this is no API description"],
  ["an empty file", { "main.yaml": "" }, "error SLV3141 main.yaml:1:1 this is no API description"],
  ["text that is no YAML", { "main.yaml": "openapi: [3\n" }, "error SLV1001 main.yaml:2:1 this is not valid YAML"],
  ["a key of YAML twice", main("paths: {}\npaths: {}\n"), 'error SLV1002 main.yaml:4:1 the key "paths" occurs twice'],
  [
    "a key of JSON twice",
    { "main.yaml": '{"openapi": "3.0.0",\n "paths": {}, "p\\u0061ths": {}}' },
    "error SLV1002 main.yaml:2:15 the key",
  ],
  [
    "a prototype in YAML",
    main("paths: { /a: { __proto__: { get: {} } } }\n"),
    'error SLV2004 main.yaml:3:16 "__proto__" cannot be used',
  ],
  [
    "a prototype in JSON",
    { "main.yaml": '{"openapi": "3.0.0", "__proto__": {}}' },
    'error SLV2004 main.yaml:1:22 "__proto__" cannot be used',
  ],
  ["aliases that multiply", main(laughs(9)), "error SLV1003 main.yaml:1:1"],
  ["an alias of itself", main("paths: &a { /a: *a }\n"), "error SLV1004 main.yaml:3:17 the alias *a has no anchor"],
  [
    "endless nesting",
    { "main.yaml": `{"openapi": ${"[".repeat(300)}${"]".repeat(300)}}` },
    "error SLV1003 main.yaml:1:212 it is nested deeper than 200",
  ],
  [
    "a URL",
    operation("$ref: 1\nparameters: [{ $ref: 'https://evil.example/a.yaml' }]"),
    'error SLV3142 main.yaml:7:28 "https://evil.example/a.yaml" cannot be followed: nothing is fetched',
  ],
  [
    "a URL without scheme",
    operation("parameters: [{ $ref: '//evil.example/a.yaml#/b' }]"),
    'error SLV3142 main.yaml:6:28 "//evil.example/a.yaml#/b" cannot be followed: nothing is fetched',
  ],
  [
    "a file URL",
    operation("parameters: [{ $ref: 'file:///etc/passwd' }]"),
    'error SLV3142 main.yaml:6:28 "file:///etc/passwd" cannot be followed: nothing is fetched',
  ],
  [
    "an absolute path",
    operation("parameters: [{ $ref: '/etc/passwd' }]"),
    'error SLV3142 main.yaml:6:28 "/etc/passwd" cannot be followed: it leads out',
  ],
  [
    "a way out",
    operation("parameters: [{ $ref: '../secret.yaml' }]"),
    'error SLV3142 main.yaml:6:28 "../secret.yaml" cannot be followed: it leads out',
  ],
  [
    "a way out with escapes",
    operation("parameters: [{ $ref: 'b/%2e%2e/..%2fsecret.yaml' }]"),
    "error SLV3142 main.yaml:6:28",
  ],
  [
    "a way out by a link",
    operation("parameters: [{ $ref: link.yaml }]"),
    'error SLV3142 main.yaml:6:28 "link.yaml" cannot be followed: link.yaml is outside',
  ],
  [
    "a file that is not there",
    operation("parameters: [{ $ref: 'no.yaml' }]"),
    'error SLV3142 main.yaml:6:28 "no.yaml" cannot be followed: there is no file no.yaml',
  ],
  [
    "a place that is not there",
    operation("parameters: [{ $ref: '#/components/parameters/a' }]"),
    'error SLV3142 main.yaml:6:28 "#/components/parameters/a" leads nowhere',
  ],
  [
    "a place of the language",
    operation("parameters: [{ $ref: '#/paths/constructor' }]"),
    'error SLV3142 main.yaml:6:28 "#/paths/constructor" leads nowhere',
  ],
  ["an anchor", operation("parameters: [{ $ref: '#id' }]"), "error SLV3142 main.yaml:6:28"],
  ["a bad escape", operation("parameters: [{ $ref: '#/a%zz' }]"), "error SLV3142 main.yaml:6:28"],
  [
    "a ring of references",
    main(
      "paths: { /a: { get: { parameters: [{ $ref: '#/components/parameters/a' }] } } }\ncomponents: { parameters: { a: { $ref: '#/components/parameters/b' }, b: { $ref: '#/components/parameters/a' } } }\n",
    ),
    "error SLV3142 main.yaml:3:44 this reference leads to references without end",
  ],
  [
    "a ring of one",
    main("paths: { /a: { $ref: '#/paths/~1a' } }\n"),
    "error SLV3142 main.yaml:3:22 this reference leads to references without end",
  ],
  [
    "a schema by URL",
    operation(`${ID}\nrequestBody: { content: { application/json: { schema: { $ref: 'https://evil.example/s' } } } }`),
    'error SLV3142 main.yaml:7:69 "https://evil.example/s" cannot be followed: nothing is fetched',
  ],
  [
    "a schema in a schema by a way out",
    operation(`${ID}\nrequestBody: { content: { application/json: { schema: { items: { $ref: '../../x.yaml' } } } } }`),
    'error SLV3142 main.yaml:7:78 "../../x.yaml" cannot be followed: it leads out',
  ],
  [
    "a schema that is its own",
    main(
      "paths: { /a: { get: { requestBody: { content: { a/b: { schema: { $ref: '#/components/schemas/A' } } } } } } }\ncomponents: { schemas: { A: { $ref: '#/components/schemas/A' } } }\n",
    ),
    "error SLV3148 main.yaml:4:",
  ],
  [
    "a schema of another form",
    operation(`${ID}\nrequestBody: { content: { application/json: { schema: [] } } }`),
    "error SLV3143 main.yaml:7:61 a schema is a mapping",
  ],
  [
    "a schema that says nonsense",
    operation(`${ID}\nrequestBody: { content: { application/json: { schema: { type: strng } } } }`),
    "error SLV3148 main.yaml:7:69",
  ],
  [
    "a path without /",
    main("paths: { a: {} }\n"),
    'error SLV3145 main.yaml:3:10 "a" is no path of an operation: a path begins with /',
  ],
  ["a path with a query", main("paths: { '/a?b': {} }\n"), "error SLV3145 main.yaml:3:10"],
  ["braces that stay open", main("paths: { '/a/{b': {} }\n"), "error SLV3145 main.yaml:3:10"],
  ["braces over segments", main("paths: { '/a/{b/c}': {} }\n"), "error SLV3145 main.yaml:3:10"],
  [
    "values without a border",
    main("paths: { '/a/{b}{c}': {} }\n"),
    'error SLV3145 main.yaml:3:10 "/a/{b}{c}" is no path of an operation: the values of {b}{c} cannot be told apart',
  ],
  ["a name twice", main("paths: { '/{b}/{b}': {} }\n"), "error SLV3145 main.yaml:3:10"],
  [
    "a parameter that nobody describes",
    operation("summary: a"),
    "error SLV3145 main.yaml:5:5 nothing describes {id} of the path",
  ],
  [
    "a parameter that the path has not",
    operation(ID.replace("id,", "ib,")),
    "error SLV3145 main.yaml:6:20 the path has no {ib}",
  ],
  [
    "a path parameter that may be absent",
    operation(ID.replace("required: true", "required: false")),
    'error SLV3143 main.yaml:6:20 the parameter "id" of the path needs `required: true`',
  ],
  [
    "a parameter twice",
    operation(ID.replace("]", ", { name: id, in: path, required: true, schema: {} }]")),
    'error SLV3143 main.yaml:6:86 the parameter "id" in path is described twice',
  ],
  [
    "a header twice, in other letters",
    operation(ID.replace("]", ", { name: X-A, in: header, schema: {} }, { name: x-a, in: header, schema: {} }]")),
    'error SLV3143 main.yaml:6:125 the parameter "x-a" in header is described twice',
  ],
  [
    "a parameter nowhere",
    operation(ID.replace("in: path", "in: body")),
    "error SLV3143 main.yaml:6:36 a parameter is `in` path, query, header or cookie",
  ],
  [
    "a style of another place",
    operation(ID.replace("schema:", "style: form, schema:")),
    "error SLV3143 main.yaml:6:65 there is no such style in path",
  ],
  [
    "neither schema nor content",
    operation(ID.replace(", schema: { type: string }", "")),
    "error SLV3143 main.yaml:6:20 exactly one of `schema` and `content`",
  ],
  [
    "content of two types",
    operation(ID.replace("schema: { type: string }", "content: { a/b: {}, a/c: {} }")),
    "error SLV3143 main.yaml:6:67 the `content` of a parameter has exactly one media type",
  ],
  [
    "parameters that are no list",
    operation("parameters: { a: 1 }"),
    "error SLV3143 main.yaml:6:19 `parameters` is a list",
  ],
  [
    "a body without content",
    operation(`${ID}\nrequestBody: { schema: {} }`),
    "error SLV3143 main.yaml:7:20 a request body needs `content`",
  ],
  [
    "a media type that is none",
    operation(`${ID}\nrequestBody: { content: { json: {} } }`),
    'error SLV3143 main.yaml:7:33 "json" is no media type',
  ],
  [
    "a status that is none",
    operation(`${ID}\nresponses: { '20x': {} }`),
    'error SLV3143 main.yaml:7:20 "20x" is no status',
  ],
  ["a method that is none", main("paths: { /a: { gte: {} } }\n"), 'error SLV3143 main.yaml:3:16 "gte" is no method'],
  [
    "an operation that is a list",
    main("paths: { /a: { get: [] } }\n"),
    "error SLV3143 main.yaml:3:21 an operation is a mapping",
  ],
  [
    "words beside a path's reference",
    main("paths: { /a: { $ref: '#/paths/~1b', get: {} }, /b: {} }\n"),
    "error SLV3143 main.yaml:3:37 `get` stands beside `$ref`",
  ],
  [
    "paths that match alike",
    main(
      "paths:\n  /a/{b}: { get: { parameters: [{ name: b, in: path, required: true, schema: {} }] } }\n  /a/{c}: { get: { parameters: [{ name: c, in: path, required: true, schema: {} }] } }\n",
    ),
    "error SLV3144 main.yaml:5:13 GET /a/{c} matches the same requests as GET /a/{b} at line 4 of main.yaml",
  ],
  [
    "a name of two operations",
    main("paths: { /a: { get: { operationId: a } }, /b: { get: { operationId: a } } }\n"),
    'error SLV3144 main.yaml:3:69 the operationId "a" is used twice, first at line 3',
  ],
  [
    "a server with a hole",
    main("servers: [{ url: 'https://{host}/v1' }]\npaths: {}\n"),
    "error SLV3143 main.yaml:3:18 the variable {host} has no default",
  ],
  [
    "an unknown word to the edge",
    operation(`${ID}\nx-selvage: { request: shadow }`),
    'error SLV3143 main.yaml:7:20 "request" means nothing in `x-selvage`',
  ],
  [
    "a mode that is none",
    operation(`${ID}\nx-selvage: { requests: enforce }`),
    "error SLV3143 main.yaml:7:30 `requests` is none of its words",
  ],
  [
    "a word to the edge in the wrong place",
    main("x-selvage: { requests: off }\npaths: {}\n"),
    "error SLV3143 main.yaml:3:1 `x-selvage` is said of single operations",
  ],
  [
    "an overlay of another kind",
    { ...main("paths: {}\n"), "overlay.yaml": HEAD },
    "error SLV3146 overlay.yaml:1:1 this is no overlay",
  ],
];

function laughs(depth: number): string {
  const lines = ["x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"];
  for (let at = 1; at < depth; at++)
    lines.push(`x-${at}: &a${at} [${Array.from({ length: 8 }, () => `*a${at - 1}`).join(", ")}]`);
  return `${lines.join("\n")}\npaths: {}\n`;
}

test.each(refused)("refused: %s", (_, files, problem) => {
  writeFileSync(path.join(folder, "secret.yaml"), "a: 1\n");
  mkdirSync(path.join(folder, "api"));
  symlinkSync(path.join(folder, "secret.yaml"), path.join(folder, "api/link.yaml"));
  const all = told(files);
  expect(
    all.find((one) => one.startsWith(problem)),
    all.join("\n"),
  ).toBeDefined();
  expect(all.filter((one) => !/:\d+:\d+ /.test(one))).toEqual([]);
  expect(
    buildContract(
      { openapi: "main.yaml", ...("overlay.yaml" in files && { overlays: ["overlay.yaml"] }) },
      reader(),
      [],
    ).bytes,
  ).toBeUndefined();
});

test("a file that is no text, and one that is not there, are told at their place in the document", () => {
  put(main("paths: {}\n"));
  writeFileSync(path.join(folder, "api/bytes.yaml"), new Uint8Array([0xff, 0xfe, 0x00]));
  const settings = { openapi: "bytes.yaml", overlays: ["no.yaml"] };
  expect(readContract(settings, reader(), ["gateway", "contracts", "a"]).problems).toMatchObject([
    { code: "SLV3135", path: ["gateway", "contracts", "a", "openapi"], message: "bytes.yaml is not UTF-8 text" },
    { code: "SLV3135", path: ["gateway", "contracts", "a", "overlays", 0], message: "there is no file no.yaml" },
  ]);
});

test("every operation that is broken is told, each at its place", () => {
  const all = told(
    main(
      "paths:\n  /a: { gett: {} }\n  /b/{c}: { get: {} }\n  /d: { get: { parameters: [{ $ref: '#/e' }] } }\n  /f: { get: {} }\n",
    ),
  );
  expect(all.map((one) => one.split(" ").slice(1, 3).join(" "))).toEqual([
    "SLV3143 main.yaml:4:9",
    "SLV3145 main.yaml:5:13",
    "SLV3142 main.yaml:6:37",
  ]);
});

test("more problems than are shown are counted", () => {
  const paths = Array.from({ length: 130 }, (_, at) => `  /a${at}: { gett: {} }\n`).join("");
  const all = told(main(`paths:\n${paths}`));
  expect(all).toHaveLength(101);
  expect(all.at(-1)).toContain("SLV1003 main.yaml:103:11 30 more problems are not shown");
});

describe("parameters", () => {
  const parametersOf = (text: string, others: Files = {}) =>
    whole(
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
    const found = whole(main(`paths: { /a: { get: { parameters: [${parameter}] } } }\n${tree}\n`));
    expect(found.operations[0]?.parameters[0]?.shape).toEqual(shape);
  });
  test("of a tree, as deep as is told", () => {
    const found = whole(
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

describe("content", () => {
  test("more specific types come first, parameters of types go", () => {
    const body =
      "requestBody: { required: true, content: { '*/*': {}, 'text/*': {}, 'Text/Plain; charset=utf-8': { schema: { type: string } }, application/json: {} } }";
    const { body: read } = whole(operation(`${ID}\n${body}`)).operations[0] ?? {};
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
    expect(told(files)).toEqual([expect.stringContaining('warning SLV3143 main.yaml:7:75 "a/b" is described twice')]);
    expect(read(files).contract?.operations[0]?.body?.content).toEqual([{ mediaType: "a/b" }]);
  });
  test("answers by status, range and default, with fields", () => {
    const answers =
      "responses: { 200: { headers: { X-Total: { required: true, schema: { type: integer } }, Content-Type: { schema: {} } } }, 4XX: {}, default: { content: { application/json: { schema: { type: object } } } } }";
    const { responses } = whole(operation(`${ID}\n${answers}`)).operations[0] ?? {};
    expect(responses).toEqual({
      200: {
        content: [],
        headers: [
          {
            name: "X-Total",
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
  expect(whole(main(`${servers}\npaths: { /a: { get: {} } }\n`)).basePath).toBe(expected);
});

test("methods of 3.2, words to the edge, names of operations without one", () => {
  const text =
    "paths: { /a: { query: { x-selvage: { requests: shadow, responses: 'off' } }, additionalOperations: { PURGE: { operationId: purge } } } }\n";
  const { operations } = whole({ "main.yaml": `openapi: 3.2.0\ninfo: { title: t, version: '1' }\n${text}` });
  expect(operations.map(({ id, method, modes }) => [id, method, modes])).toEqual([
    ["purge", "PURGE", undefined],
    ["QUERY /a", "QUERY", { requests: "shadow", responses: "off" }],
  ]);
});

describe("dialects", () => {
  const violations = (version: string, schema: string, value: unknown): number => {
    const contract = whole({
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
  put({ "a.json": JSON.stringify(large), "b.yaml": stringify({ ...large, paths }, { aliasDuplicateObjects: true }) });
  const bytesOf = (openapi: string): Uint8Array | undefined => {
    const built = buildContract({ openapi }, reader(), []);
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

describe("commands", () => {
  const root = path.join(import.meta.dirname, "../../..");
  const example = path.join(root, "examples/openapi/selvage.yaml");
  const selvage = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((done) => {
      const env = { ...process.env, NO_COLOR: "1" };
      execFile(
        process.execPath,
        [path.join(root, "bin/selvage.mjs"), ...args],
        { cwd: folder, env },
        (fault, stdout, stderr) => done({ code: fault === null ? 0 : Number(fault.code), stdout, stderr }),
      );
    });

  test("the example is whole, and shows what it has", async () => {
    const [check, contract, json, unknown] = await Promise.all([
      selvage("check", "--fail-on-warning", example),
      selvage("contract", example),
      selvage("contract", example, "orders", "--json"),
      selvage("contract", example, "ordres"),
    ]);
    expect(check).toMatchObject({ code: 0, stderr: "" });
    expect(contract.stdout).toMatch(
      /^GET +\/orders\/\{orderId\}\/invoice\.\{format\} +getInvoice +orderId format +200 default \(off\)$/m,
    );
    expect(contract.stdout).toMatch(/^Orders 1\.4\.0: 4 operations below \/v1, 11 schemas$/m);
    expect(JSON.parse(json.stdout)).toMatchObject({ name: "orders", schemas: 11, contract: { basePath: "/v1" } });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean orders?") });
  });

  test("explain finds the operation of a request, and what is none", async () => {
    const [found, missing] = await Promise.all([
      selvage("explain", "GET", "/v1/orders/42", "--file", example),
      selvage("explain", "PUT", "/v1/orders", "--file", example),
    ]);
    expect(found).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("operation getOrder of orders: parameters orderId;"),
    });
    expect(missing).toMatchObject({ code: 1, stdout: expect.stringContaining("refused: 405") });
  });

  test("what is wrong with a description is shown where it stands", async () => {
    put({
      "selvage.yaml": `selvage: 1\nname: a\ngateway:\n  hosts: [a.example]\n  contracts: { a: { openapi: specs/a.yaml, overlays: [b.yaml] } }\n  routes: [{ name: a, match: { path: /* }, to: "http://a.example", validate: { contract: a } }]\n`,
      "specs/a.yaml": `${HEAD}paths: { /a: { gte: {} } }\n`,
      "b.yaml": `overlay: 1.1.0\ninfo: {}\nactions: [{ target: "$.nothing", remove: true }]\n`,
    });
    const file = path.join(folder, "api/selvage.yaml");
    const [check, json, plan] = await Promise.all([
      selvage("check", file),
      selvage("check", "--json", file),
      selvage("plan", file),
    ]);
    expect(check.code).toBe(2);
    expect(check.stderr).toMatch(
      /error\[SLV3143\]: "gte" is no method.*\n *--> .*\/?specs\/a\.yaml:3:16\n *\|\n3 \| paths: \{ \/a: \{ gte: \{\} \} \}\n *\| {16}\^\^\^/,
    );
    expect(check.stderr).toMatch(/warning\[SLV3147\]: "\$\.nothing" finds nothing.*\n *--> .*b\.yaml:3:21/);
    expect(JSON.parse(json.stdout).problems).toMatchObject([
      { code: "SLV3147", file: expect.stringMatching(/b\.yaml$/), line: 3 },
      { code: "SLV3143", file: expect.stringMatching(/specs\/a\.yaml$/), line: 3, column: 16 },
    ]);
    expect(plan).toMatchObject({ code: 2, stdout: "" });
  });
});
