/** The public test suite of JSON Schema (json-schema-org/JSON-Schema-Test-Suite), its required cases. Skipped where it is not there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import "@hyperjump/json-schema/draft-04";
import "@hyperjump/json-schema/draft-07";
import "@hyperjump/json-schema/draft-2020-12";
import { getSchema, toSchema } from "@hyperjump/json-schema/experimental";
import { beforeAll, describe, expect, test } from "vitest";
import { compileSchemas } from "../../../cli/contract/compile-schemas.ts";
import type { DialectName } from "../../../cli/contract/dialects.ts";
import { validate } from "../../../shared/contract/compiled-schema.ts";
import { makeRegex } from "../../../shared/contract/schema-regexes.ts";
import { SchemaSet } from "../../../shared/contract/schema-set.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const FOLDER = resolve(import.meta.dirname, "../../../../shared/vectors/json-schema");
const LATEST = "https://json-schema.org/draft/2020-12";
const VOCABULARIES = ["core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"];
const META_SCHEMAS = [
  `${LATEST}/schema`,
  ...VOCABULARIES.map((name) => `${LATEST}/meta/${name}`),
  "http://json-schema.org/draft-07/schema",
  "http://json-schema.org/draft-04/schema",
];

const jsonFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .map((name) => join(folder, name));

/** As the edge reads bodies: integers beyond doubles by their digits. */
const read = (file: string): unknown => parseWholeNumbers(readFileSync(file, "utf8"), 100);

describe.skipIf(!existsSync(FOLDER))("the public suite (skipped without ../shared/vectors)", () => {
  const documents: Record<string, unknown> = {};

  beforeAll(async () => {
    const remotes = join(FOLDER, "remotes");
    for (const file of jsonFiles(remotes)) documents[`http://localhost:1234/${relative(remotes, file)}`] = read(file);
    for (const uri of META_SCHEMAS) documents[uri] = toSchema(await getSchema(uri), { includeDialect: "always" });
  });

  test.each<[string, DialectName, number]>([
    ["draft2020-12", "2020-12", 1299],
    ["draft7", "draft-07", 927],
    ["draft4", "draft-04", 618],
  ])("%s", (folder, dialect, count) => {
    const failures: string[] = [];
    let cases = 0;
    for (const file of jsonFiles(join(FOLDER, "tests", folder)))
      for (const { description, schema, tests } of read(file) as Group[]) {
        const { schemas, problems } = compileSchemas({
          documents: { ...documents, "test.json": schema },
          roots: { test: "test.json#" },
          dialect,
        });
        const own = problems.filter(({ document }) => document === "test.json");
        if (own.length > 0) failures.push(`${file}: ${description}: ${JSON.stringify(own)}`);
        const set = new SchemaSet(schemas, makeRegex);
        for (const { description: what, data, valid } of tests) {
          cases++;
          const violations = validate(set, "test", data);
          if ((violations.length === 0) !== valid) failures.push(`${file}: ${description}: ${what}`);
        }
      }
    expect(failures).toEqual([]);
    expect(cases).toBe(count);
  });
});
