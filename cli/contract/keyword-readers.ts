/** Values of keywords (JSON Schema 2020-12, Validation, section 6, and what older drafts and OpenAPI 3.0 say otherwise). */

import { compareNumbers } from "../../shared/contract/decimal.ts";
import type { CompiledObject, SchemaType } from "../../shared/contract/schema-types.ts";
import { exactNumber, rawNumber } from "../../shared/http/raw-number.ts";
import type { DialectName } from "./dialects.ts";
import { isEntries } from "./schema-documents.ts";

interface Around {
  /** The schema that the keyword stands in. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly dialect: DialectName;
  /** Tells what is wrong with the keyword. */
  say(reason: string): void;
}

/** @returns what the compiled schema gets; nothing where the value is none that the keyword can have */
type Read = (value: unknown, around: Around) => Partial<CompiledObject>;

const TYPES: ReadonlySet<unknown> = new Set(["null", "boolean", "object", "array", "number", "string", "integer"]);

const isNumber = (value: unknown): boolean =>
  typeof value === "number" || typeof value === "bigint" || exactNumber(value) !== undefined;

/** `exclusiveMinimum: true` beside `minimum`. */
const hasFlags = ({ dialect }: Around): boolean => dialect === "draft-04" || dialect === "openapi-3.0";

const number =
  (keyword: "minimum" | "maximum", exclusive: "exclusiveMinimum" | "exclusiveMaximum"): Read =>
  (value, around) => {
    if (!isNumber(value)) return refuse(around, "must be a number");
    return { [hasFlags(around) && around.schema[exclusive] === true ? exclusive : keyword]: plain(value) };
  };

const exclusive =
  (keyword: "exclusiveMinimum" | "exclusiveMaximum"): Read =>
  (value, around) => {
    if (hasFlags(around))
      return typeof value === "boolean" ? {} : refuse(around, `must be true or false in ${around.dialect}`);
    return isNumber(value) ? { [keyword]: plain(value) } : refuse(around, "must be a number");
  };

const size =
  (keyword: keyof CompiledObject): Read =>
  (value, around) =>
    Number.isSafeInteger(plain(value)) && Number(value) >= 0
      ? { [keyword]: Number(value) }
      : refuse(around, "must be a whole number from 0");

const text =
  (keyword: keyof CompiledObject): Read =>
  (value, around) =>
    typeof value === "string" ? { [keyword]: value } : refuse(around, "must be a text");

const schema: Read = (value, around) =>
  typeof value === "boolean" || isEntries(value) ? {} : refuse(around, "must be a schema");

const schemas: Read = (value, around) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(around, "must be a list of schemas that is not empty");
  return value.every((one) => typeof one === "boolean" || isEntries(one))
    ? {}
    : refuse(around, "must hold only schemas");
};

const schemaMap: Read = (value, around) =>
  isEntries(value) && Object.values(value).every((one) => typeof one === "boolean" || isEntries(one))
    ? {}
    : refuse(around, "must be a mapping of names to schemas");

const readType: Read = (value, around) => {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const unknown = list.find((one) => !TYPES.has(one));
  if (unknown !== undefined || list.length === 0)
    return refuse(around, "must be one of null, boolean, object, array, number, string and integer, or a list of them");
  if (Array.isArray(value) && around.dialect === "openapi-3.0")
    return refuse(around, "must be one type in OpenAPI 3.0; null is said by `nullable: true`");
  return { type: list as SchemaType[] };
};

const readItems: Read = (value, around) => {
  if (!Array.isArray(value)) return schema(value, around);
  if (!/^(?:2019-09|draft-0[467])$/.test(around.dialect))
    return refuse(around, "must be one schema: a list of them is `prefixItems`");
  return value.length === 0 ? {} : schemas(value, around);
};

const readDependentRequired: Read = (value, around) =>
  isEntries(value) && Object.values(value).every(isNames)
    ? { dependentRequired: value as Record<string, string[]> }
    : refuse(around, "must be a mapping of names to lists of names");

const readDependencies: Read = (value, around) =>
  isEntries(value) && Object.values(value).every((one) => isNames(one) || isEntries(one) || typeof one === "boolean")
    ? {}
    : refuse(around, "must be a mapping of names to schemas or lists of names");

const readMultipleOf: Read = (value, around) =>
  isNumber(value) && compareNumbers(plain(value), 0) > 0
    ? { multipleOf: plain(value) }
    : refuse(around, "must be a number above 0");

/** By keyword. What holds schemas is checked here and compiled elsewhere. */
export const keywordReaders: Readonly<Record<string, Read>> = {
  type: readType,
  const: (value) => ({ const: plain(value) }),
  enum: (value, around) => (Array.isArray(value) ? { enum: value.map(plain) } : refuse(around, "must be a list")),
  multipleOf: readMultipleOf,
  minimum: number("minimum", "exclusiveMinimum"),
  maximum: number("maximum", "exclusiveMaximum"),
  exclusiveMinimum: exclusive("exclusiveMinimum"),
  exclusiveMaximum: exclusive("exclusiveMaximum"),
  maxLength: size("maxLength"),
  minLength: size("minLength"),
  maxItems: size("maxItems"),
  minItems: size("minItems"),
  maxContains: size("maxContains"),
  minContains: size("minContains"),
  maxProperties: size("maxProperties"),
  minProperties: size("minProperties"),
  uniqueItems: (value, around) => {
    if (typeof value !== "boolean") return refuse(around, "must be true or false");
    return value ? { uniqueItems: true } : {};
  },
  pattern: text("pattern"),
  format: text("format"),
  required: (value, around) => (isNames(value) ? { required: value } : refuse(around, "must be a list of names")),
  dependentRequired: readDependentRequired,
  dependencies: readDependencies,
  $ref: (value, around) => (typeof value === "string" ? {} : refuse(around, "must be a reference")),
  $dynamicRef: (value, around) => (typeof value === "string" ? {} : refuse(around, "must be a reference")),
  items: readItems,
  prefixItems: schemas,
  allOf: schemas,
  anyOf: schemas,
  oneOf: schemas,
  properties: schemaMap,
  patternProperties: schemaMap,
  dependentSchemas: schemaMap,
  additionalItems: schema,
  additionalProperties: schema,
  contains: schema,
  propertyNames: schema,
  not: schema,
  if: schema,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: schema,
  else: schema,
  unevaluatedItems: schema,
  unevaluatedProperties: schema,
};

function refuse(around: Around, reason: string): Record<string, never> {
  around.say(reason);
  return {};
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === "string");

/** With integers that a double holds as such, and others by their digits. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") {
    const double = Number(value);
    return Number.isSafeInteger(double) ? double : rawNumber(String(value));
  }
  if (Array.isArray(value)) return value.map(plain);
  if (!isEntries(value) || exactNumber(value) !== undefined) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
