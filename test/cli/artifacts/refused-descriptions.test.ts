/** API descriptions as people should not write them: each is refused, with the place and a word. */
import { symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildContract, readContract } from "../../../cli/artifacts/build-contract.ts";
import { DescriptionFolder, type Files, HEAD, ID, main, operation } from "../../support/description-folder.ts";

let folder: DescriptionFolder;
beforeEach(() => {
  folder = new DescriptionFolder();
});
afterEach(() => folder.remove());

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
  [
    "keys of YAML 1.1 that merge",
    main("x-base: &b { a: 1 }\npaths: { /a: { get: { <<: *b } } }\n"),
    'error SLV2004 main.yaml:4:23 "<<" merges nothing in YAML 1.2',
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
    operation("parameters: [{ $ref: 'https://evil.example/a.yaml' }]"),
    'error SLV3142 main.yaml:6:28 "https://evil.example/a.yaml" cannot be followed: nothing is fetched',
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
  writeFileSync(path.join(folder.outside, "secret.yaml"), "a: 1\n");
  symlinkSync(path.join(folder.outside, "secret.yaml"), path.join(folder.path, "link.yaml"));
  const all = folder.told(files);
  expect(
    all.find((one) => one.startsWith(problem)),
    all.join("\n"),
  ).toBeDefined();
  expect(all.filter((one) => !/:\d+:\d+ /.test(one))).toEqual([]);
  expect(
    buildContract(
      { openapi: "main.yaml", ...("overlay.yaml" in files && { overlays: ["overlay.yaml"] }) },
      folder.reader,
      [],
    ).bytes,
  ).toBeUndefined();
});

test("a file that is no text, and one that is not there, are told at their place in the document", () => {
  folder.put(main("paths: {}\n"));
  writeFileSync(path.join(folder.path, "bytes.yaml"), new Uint8Array([0xff, 0xfe, 0x00]));
  const settings = { openapi: "bytes.yaml", overlays: ["no.yaml"] };
  expect(readContract(settings, folder.reader, ["gateway", "contracts", "a"]).problems).toMatchObject([
    { code: "SLV3135", path: ["gateway", "contracts", "a", "openapi"], message: "bytes.yaml is not UTF-8 text" },
    { code: "SLV3135", path: ["gateway", "contracts", "a", "overlays", 0], message: "there is no file no.yaml" },
  ]);
});

test("every operation that is broken is told, each at its place", () => {
  const all = folder.told(
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
  const all = folder.told(main(`paths:\n${paths}`));
  expect(all).toHaveLength(101);
  expect(all.at(-1)).toContain("SLV1003 main.yaml:103:11 30 more problems are not shown");
});
