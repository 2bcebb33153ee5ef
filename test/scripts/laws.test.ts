import { describe, expect, test } from "vitest";
import { importsOf } from "../../scripts/laws/imports.ts";
import { tokenize } from "../../scripts/laws/tokens.ts";
import { checkLaws } from "../../scripts/laws.ts";

/** A tree in which no law is broken; each case adds the one file that breaks one. */
const sound = {
  "shared/errors.ts": "export const errorTable = {};\n",
  "shared/http/fields.ts": 'import { errorTable } from "../errors.ts";\nexport const fields = errorTable;\n',
  "shared/policy/limiter.ts":
    'import type { fields } from "../http/fields.ts";\nexport type Limiter = typeof fields;\n',
  "workers/gateway/index.ts":
    'import { app } from "./app.ts";\nexport { Counter } from "./objects/counter.ts";\nexport default app;\n',
  "workers/gateway/app.ts":
    'import { Hono } from "hono";\nimport { cors } from "./middleware/cors.ts";\nexport const app = [Hono, cors];\n',
  "workers/gateway/middleware/cors.ts": "export const cors = 1;\n",
  "workers/gateway/objects/counter.ts": 'import * as z from "zod/mini";\nexport class Counter { z = z; }\n',
  "ARCHITECTURE.md": "See `shared/{errors,http/fields}.ts`, `workers/*/index.ts` and `GET /a/b`.\n",
};

function breaches(extra: Record<string, string>): string[] {
  const tree = new Map(Object.entries({ ...sound, ...extra }));
  return checkLaws(tree, "/srv/checkout").map(({ path, line, message }) => `${path}:${line} ${message}`);
}

test("a sound tree has no breach", () => expect(breaches({})).toEqual([]));

describe("floors", () => {
  const cases: Record<string, [files: Record<string, string>, breach: RegExp]> = {
    "a lower floor imports a higher one": [
      { "shared/http/a.ts": 'import "../policy/limiter.ts";\n' },
      /^shared\/http\/a\.ts:1 imports shared\/policy\/limiter\.ts from a higher floor/,
    ],
    "also by type alone, from a deeper line": [
      { "shared/limits.ts": '\nimport type { fields } from "./http/fields.ts";\n' },
      /^shared\/limits\.ts:2 .* higher floor/,
    ],
    "an object imports the app": [
      { "workers/gateway/objects/b.ts": 'import { app } from "../app.ts";\nexport const b = app;\n' },
      /objects\/b\.ts:1 .* higher floor \(6 above 4\)/,
    ],
    "parts import each other": [
      { "mesh-agent/main.ts": 'import { app } from "../workers/gateway/app.ts";\nexport const b = app;\n' },
      /^mesh-agent\/main\.ts:1 .*mesh-agent and workers\/gateway never import each other/,
    ],
    "the two Workers import each other": [
      { "workers/control/api.ts": 'export const a = import("../gateway/app.ts");\n' },
      /workers\/control and workers\/gateway never/,
    ],
    "a middleware imports a middleware": [
      { "workers/gateway/middleware/b.ts": 'import { cors } from "./cors.ts";\nexport const b = cors;\n' },
      /a middleware never imports a middleware/,
    ],
    "a barrel": [{ "shared/policy/index.ts": 'export * from "./limiter.ts";\n' }, /no barrel files/],
    "a file on no floor": [{ "shared/helpers.ts": "export const a = 1;\n" }, /^shared\/helpers\.ts:1 is on no floor/],
    "shipped code needs a tool": [
      { "cli/main.ts": 'import { a } from "../scripts/a.ts";\n', "scripts/a.ts": "export const a = 1;\n" },
      /never needs tools or tests/,
    ],
    "an example knows Selvage": [
      { "examples/shop/app.ts": 'import "../../shared/errors.ts";\n' },
      /an example knows nothing of Selvage/,
    ],
    "an import of nothing": [{ "cli/main.ts": 'import "./gone.ts";\n' }, /which does not exist/],
    "a cycle": [
      {
        "cli/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;\n',
        "cli/b.ts": 'import { c } from "./c.ts";\nexport const b = () => c;\n',
        "cli/c.ts": 'import { a } from "./a.ts";\nexport const c = () => a;\n',
      },
      /^cli\/a\.ts:1 is in a cycle of imports: cli\/a\.ts -> cli\/b\.ts -> cli\/c\.ts -> cli\/a\.ts$/,
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [files, breach]) => {
    expect(breaches(files)).toEqual([expect.stringMatching(breach)]);
  });
});

describe("purity of shared/", () => {
  const impure = [
    "export const a = () => Date.now();",
    "export const a = () => new Date();",
    "export const a = () => new Date;",
    "export const a = () => Date();",
    "export const a = () => `${Date.now()} ms`;",
    "export const a = () => performance.now();",
    "export const a = () => Math.random();",
    "export const a = () => setTimeout(() => 1, 2);",
    "export const a = (x: number) => (x ? fetch : undefined);",
    "export const a = () => crypto.randomUUID();",
    "export const a = () => process.env;",
    "export const a = () => console.log(1);",
    "export const a = () => globalThis;",
    'import { readFileSync } from "node:fs";',
    'import { Hono } from "hono";',
    'import { app } from "../../workers/gateway/app.ts";',
  ];
  test.each(impure)("refuses %s", (source) => {
    const found = breaches({ "shared/policy/a.ts": `${source}\n` });
    expect(found.length).toBeGreaterThan(0);
    for (const text of found) expect(text).toMatch(/^shared\/policy\/a\.ts:1 /);
  });

  const pure = [
    "export const a = (ms: number) => new Date(ms).toISOString();",
    "export const a = (text: string) => Date.parse(text);",
    "// Date.now() and process.env in a comment\nexport const a = 1;",
    'export const a = "Date.now() console.log";',
    "export const a = /fetch(process)/;",
    "export const a = { crypto: 1, fetch: 2 };",
    "export interface A { process?: string; readonly console: number }",
    "export const a = (x: { fetch: () => void }) => x.fetch();",
    'import * as z from "zod";\nexport const a = z;',
    'import { parseDocument } from "yaml";\nexport const a = parseDocument;',
  ];
  test.each(pure)("accepts %s", (source) => {
    expect(breaches({ "shared/policy/a.ts": `${source}\n` })).toEqual([]);
  });

  test("{ z } is refused everywhere", () => {
    expect(breaches({ "cli/a.ts": 'import { type ZodType, z } from "zod";\n' })).toEqual([
      expect.stringMatching(/^cli\/a\.ts:1 write import \* as z from "zod"/),
    ]);
  });

  test("the gateway bundles only what is small, however far down", () => {
    const files = {
      "workers/gateway/app.ts": 'import { a } from "../../shared/policy/a.ts";\nexport const app = a;\n',
      "shared/policy/a.ts":
        'import * as z from "zod";\nimport type { Document } from "yaml";\nexport const a = z as Document;\n',
    };
    expect(breaches(files)).toEqual([
      expect.stringMatching(/^shared\/policy\/a\.ts:1 imports "zod" into the gateway's/),
    ]);
  });
});

describe("the house", () => {
  test.each([
    [
      "a path that the map names",
      "ARCHITECTURE.md",
      "\nSee `shared/gone.ts`.\n",
      /^ARCHITECTURE\.md:2 names shared\/gone\.ts/,
    ],
    ["one name in braces", "ARCHITECTURE.md", "`shared/{errors,gone}.ts`", /names shared\/gone\.ts/],
    ["a pattern without a file", "ARCHITECTURE.md", "`workers/*/gone.ts`", /names workers\/\*\/gone\.ts/],
    ["a link", "docs/a.md", "[a](../shared/gone.ts#x) [b](https://example.com/gone)\n", /^docs\/a\.md:1 links to/],
    ["a long file", "cli/a.ts", "export {};\n".repeat(401), /has 401 lines, more than 400/],
    ["a mark", "cli/a.ts", `// ${"TO"}DO: later\n`, /leaves a mark/],
    ["a focused test", "test/a.test.ts", `test.${"only"}("a", () => {});\n`, /runs one test alone/],
    ["the checkout's own path", "docs/a.md", "see /srv/checkout/cli\n", /path of one machine/],
    ["a home", "docs/a.md", `see ${"/ho"}me/ann/x\n`, /path of one machine/],
  ])("%s", (_, path, source, breach) => {
    expect(breaches({ [path]: source })).toEqual([expect.stringMatching(breach)]);
  });

  test("paths that exist may be named in every way", () => {
    const text =
      "`shared/` `shared/http` `workers/*/{index,app}.ts` `ARCHITECTURE.md` `text/html`\n[a](shared/errors.ts)\n";
    expect(
      breaches({ "ARCHITECTURE.md": text.replace("workers/*/{index,app}.ts", "workers/gateway/{index,app}.ts") }),
    ).toEqual([]);
  });
});

describe("the lockfile", () => {
  const lockfile = (packages: object): Record<string, string> => ({
    "package-lock.json": `${JSON.stringify({ packages }, null, 2)}\n`,
  });

  test("names no registry", () => {
    expect(breaches(lockfile({ "": {}, "node_modules/a": { resolved: "https://registry.example/a.tgz" } }))).toEqual([
      expect.stringMatching(/^package-lock\.json:4 node_modules\/a names a registry/),
    ]);
  });

  test("has every optional dependency, beside or below", () => {
    const a = { optionalDependencies: { "a-linux": "1.0.0", "a-mac": "1.0.0" } };
    const packages = {
      "": {},
      "node_modules/a": a,
      "node_modules/a/node_modules/a-mac": {},
      "node_modules/a-linux": {},
    };
    expect(breaches(lockfile(packages))).toEqual([]);
    const { "node_modules/a-linux": _, ...without } = packages;
    expect(breaches(lockfile(without))).toEqual([expect.stringMatching(/needs an entry for a-linux 1\.0\.0/)]);
  });
});

describe("the scanner", () => {
  test("tells strings, patterns, templates and comments from code", () => {
    const source = "a = b / c / d; /* x\n */ e(/[/]\\/g/u); `t ${f(`u ${g}`)} v`; 'it\\'s' // end";
    const words = tokenize(source).filter(({ kind }) => kind === "word");
    expect(words.map(({ text }) => text)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    expect(words.map(({ line }) => line)).toEqual([1, 1, 1, 1, 2, 2, 2]);
  });

  test("reads every form of import and nothing else", () => {
    const source = `import a, { type B, c as d } from "./1.ts";
import * as e from "2"; import type { F } from "3";
import "./4.ts"; const g = await import("5");
export type { H } from "./6.ts"; export * from "../7.ts";
export const from = "8"; export function importX() {} import.meta.url; export { from };
x.import("9"); "import '10'"; // import "11"`;
    const found = importsOf("x/y.ts", source);
    expect(found.map(({ specifier }) => specifier)).toEqual(["./1.ts", "2", "3", "./4.ts", "5", "./6.ts", "../7.ts"]);
    expect(found[0]).toEqual({
      specifier: "./1.ts",
      file: "x/1.ts",
      line: 1,
      reExport: false,
      typeOnly: false,
      names: ["B", "c"],
    });
    expect(found.filter((one) => one.reExport).map(({ file }) => file)).toEqual(["x/6.ts", "7.ts"]);
    expect(found.filter((one) => one.typeOnly).map(({ specifier }) => specifier)).toEqual(["3", "./6.ts"]);
  });
});
