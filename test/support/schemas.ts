import { compileSchemas } from "../../cli/contract/compile-schemas.ts";
import type { DialectName } from "../../cli/contract/dialects.ts";
import { type ValidateOptions, validate } from "../../shared/contract/compiled-schema.ts";
import { makeRegex } from "../../shared/contract/schema-regexes.ts";
import { SchemaSet } from "../../shared/contract/schema-set.ts";
import type { Violation } from "../../shared/contract/violation.ts";

/** One schema, compiled and ready. @throws Error with the problems that it has */
export function readySchema(schema: unknown, dialect?: DialectName): SchemaSet {
  const compiled = compileSchemas({
    documents: { "s.json": schema },
    roots: { S: "s.json#" },
    ...(dialect !== undefined && { dialect }),
  });
  if (compiled.problems.length > 0) throw new Error(JSON.stringify(compiled.problems));
  return new SchemaSet(compiled.schemas, makeRegex);
}

export function violationsOf(
  schema: unknown,
  value: unknown,
  options?: ValidateOptions,
  dialect?: DialectName,
): Violation[] {
  return validate(readySchema(schema, dialect), "S", value, options);
}

/** `keyword pointer`, for tables. */
export const brief = (violations: readonly Violation[]): string[] =>
  violations.map(({ keyword, pointer }) => `${keyword} ${pointer}`);
