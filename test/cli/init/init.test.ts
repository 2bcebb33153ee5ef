import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { decide } from "../../../cli/init/decide.ts";
import { withScripts } from "../../../cli/init/package-scripts.ts";
import { scanFolder } from "../../../cli/init/scan.ts";
import { documentText, testText } from "../../../cli/init/write.ts";
import { runSelvage } from "../../support/run-selvage.ts";

function folderOf(files: Readonly<Record<string, string>>, name = "shop"): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), "selvage-init-")), name);
  mkdirSync(folder);
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text);
  return folder;
}

const api = (paths: string, more = ""): string =>
  `openapi: 3.1.0\ninfo: { title: a, version: "1" }\nservers: [{ url: https://a.example/v1/ }]\npaths:\n${paths}${more}`;
const OK = '{ responses: { "200": { description: ok } } }';
const KEYS =
  "\ncomponents: { securitySchemes: { Key: { type: apiKey, in: header, name: X-Key } } }\nsecurity: [{ Key: [] }]\n";

function decided(files: Readonly<Record<string, string>>, name?: string) {
  const decision = decide(scanFolder(folderOf(files, name)));
  return { ...decision, text: documentText(decision), tests: testText(decision) };
}

test("ports of compose files, databases left out", () => {
  const compose = `services:
  a: { ports: ["127.0.0.1:3001:80/tcp"] }
  b: { ports: [{ target: 80, published: 3002 }] }
  c: { ports: ["8080"] , image: "node:24" }
  d: { ports: ["5432:5432"], image: "registry.example/postgres:16" }
  e: {}
`;
  const { upstreams } = scanFolder(folderOf({ "compose.yaml": compose }));
  expect(upstreams.map(({ name, port }) => [name, port])).toEqual([
    ["a", 3001],
    ["b", 3002],
    ["c", 8080],
  ]);
});

test.each([
  ["PORT=4000 node app.js", 4000],
  ["next start -p 4001", 4001],
  ["vite --port=4002", 4002],
  ["node app.js", undefined],
])("the port of %s", (start, port) => {
  const { upstreams } = scanFolder(folderOf({ "package.json": JSON.stringify({ scripts: { start } }) }));
  expect(upstreams[0]?.port).toBe(port);
});

test("files that cannot be read are as if they were not there", () => {
  const found = scanFolder(folderOf({ "compose.yaml": "{{{", "package.json": "[", "openapi.yaml": "x: [" }));
  expect(found).toMatchObject({ upstreams: [] });
  expect(decide(found).routes).toMatchObject([{ path: { value: "/*" } }]);
});

test("keys of the description; what it leaves public stays public", () => {
  const paths = `  /orders/{id}:\n    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]\n    get: ${OK}\n  /health:\n    get: { security: [], responses: { "200": { description: ok } } }\n`;
  const { text, tests } = decided({ "openapi.yaml": api(paths, KEYS) });
  expect(text).toContain("identity: { clients: { apiKey: { header: x-key } } }");
  expect(text).toContain("path: /v1/health");
  expect(text.match(/auth:/g)).toHaveLength(1);
  expect(tests).toContain("/v1/orders/1, as: someone");
});

test.each([
  [
    "nobody knows who issues tokens",
    `\ncomponents: { securitySchemes: { Jwt: { type: http, scheme: bearer } } }\nsecurity: [{ Jwt: [] }]\n`,
    "Jwt",
  ],
  [
    "a path that is public for some methods",
    `\n  /orders:\n    get: ${OK}\n    put: { security: [], responses: { "200": { description: ok } } }${KEYS}`,
    "some methods",
  ],
])("%s: it is said, and no credentials are made up", (_, rest, note) => {
  const { text, undecided } = decided({ "openapi.yaml": api(`  /x:\n    get: ${OK}`, rest) });
  expect(text).not.toContain("auth:");
  expect(undecided.join()).toContain(note);
});

test("a description with errors is not used, and said", () => {
  const { text, undecided } = decided({
    "openapi.yaml": api('  /x:\n    get: { responses: { "200": { $ref: "#/nowhere" } } }\n'),
  });
  expect(text).not.toContain("contracts");
  expect(undecided[0]).toContain("openapi.yaml is not used");
});

test("names of folders that YAML or JavaScript reads otherwise", () => {
  expect(decided({}, "true").text).toContain('name: "true"');
  expect(decided({}, "constructor").text).toContain("name: gateway");
  expect(decided({}, "1 & 2").text).toContain("name: gateway");
});

test("what is written passes check without a warning, and its tests; nothing is overwritten", async () => {
  const paths = `  /orders/{id}:\n    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]\n    get: ${OK}\n  /health:\n    get: { security: [], responses: { "200": { description: ok } } }\n`;
  const folder = folderOf({
    "openapi.yaml": api(paths, KEYS),
    "compose.yaml": 'services: { shop: { ports: ["3001:80"] } }',
  });
  writeFileSync(path.join(folder, ".gitignore"), "node_modules\n.env");
  const made = await runSelvage(folder, ["init"]);
  expect(made).toMatchObject({ code: 0 });
  expect(made.stdout).toMatch(/http:\/\/127\.0\.0\.1:3001 +\(compose.yaml: shop\)/);
  expect(made.stderr).toContain("Next: selvage dev --stub");
  expect(readFileSync(path.join(folder, "selvage.yaml"), "utf8").split("\n").length).toBeLessThanOrEqual(31);
  expect(readFileSync(path.join(folder, ".gitignore"), "utf8")).toBe("node_modules\n.env\n.selvage/\n.dev.vars\n");
  expect(made.stdout).toContain("check: 0 problems; test: 3 cases: 3 passed, 0 failed");
  const again = await runSelvage(folder, ["init", "-y"]);
  expect(again).toMatchObject({ code: 2 });
  expect(again.stderr).toContain("--force");
});

const NO_TEST = 'echo "Error: no test specified" && exit 1';

test.each([
  ["none", undefined, ["dev", "test", "check"]],
  ["one without scripts", '{ "name": "shop" }', ["dev", "test", "check"]],
  ["what npm writes", JSON.stringify({ scripts: { test: NO_TEST } }), ["dev", "test", "check"]],
  ["own scripts, which stay", '{ "scripts": { "dev": "vite", "test": "vitest" } }', ["check"]],
  ["all of them", '{ "scripts": { "dev": "a", "test": "b", "check": "c" } }', undefined],
  ["what is no package.json", "[", undefined],
  ["scripts that are none", '{ "scripts": [] }', undefined],
])("package.json: %s", (_, given, added) => {
  const made = withScripts(given, true);
  expect(made?.added).toEqual(added);
  if (made === undefined) return;
  const { name, scripts } = JSON.parse(made.text);
  expect(scripts).toMatchObject({ check: "selvage check", ...(given?.includes("vite") && { dev: "vite" }) });
  expect(name).toBe(given?.includes("shop") ? "shop" : undefined);
});

test("package.json is written with the indent that it has, and made only where somebody agrees", async () => {
  const has = folderOf({ "package.json": '{\n\t"name": "shop"\n}\n' });
  const made = await runSelvage(has, ["init"]);
  expect(made.stdout).toContain("ok package.json (scripts dev, test, check)");
  expect(readFileSync(path.join(has, "package.json"), "utf8")).toContain(
    '\n\t"scripts": {\n\t\t"dev": "selvage dev",\n',
  );
  const without = folderOf({});
  expect((await runSelvage(without, ["init"])).stdout).not.toContain("package.json");
  expect((await runSelvage(without, ["init", "-y", "--force"])).stdout).toContain("ok package.json");
});
