/** Dialects of JSON Schema: which keywords each has, and where schemas stand in their values. */

export type DialectName = "2020-12" | "2019-09" | "draft-07" | "draft-06" | "draft-04" | "openapi-3.1" | "openapi-3.0";

/** How a keyword's value holds schemas: it is one, a list, a mapping, one or a list, or a mapping with lists of names among them. */
export type Holds = "one" | "list" | "map" | "one-or-list" | "dependencies" | "none";

export interface Dialect {
  readonly name: DialectName;
  readonly keywords: ReadonlyMap<string, Holds>;
  /** `$id`, or `id` in draft 4; undefined where schemas have none. */
  readonly idKeyword: "$id" | "id" | undefined;
  /** What stands beside `$ref` is ignored, and `$id` may be an anchor: drafts before 2019-09, and OpenAPI 3.0. */
  readonly refStandsAlone: boolean;
}

/** Vocabularies of 2020-12 by the last part of their URI: a meta-schema of one's own says which of them a dialect has. */
const VOCABULARIES: Readonly<Record<string, Readonly<Record<string, Holds>>>> = {
  core: { $ref: "none", $dynamicRef: "none", $defs: "map" },
  applicator: {
    prefixItems: "list",
    items: "one",
    contains: "one",
    additionalProperties: "one",
    properties: "map",
    patternProperties: "map",
    dependentSchemas: "map",
    propertyNames: "one",
    if: "one",
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: "one",
    else: "one",
    allOf: "list",
    anyOf: "list",
    oneOf: "list",
    not: "one",
  },
  unevaluated: { unevaluatedItems: "one", unevaluatedProperties: "one" },
  validation: {
    type: "none",
    const: "none",
    enum: "none",
    multipleOf: "none",
    maximum: "none",
    exclusiveMaximum: "none",
    minimum: "none",
    exclusiveMinimum: "none",
    maxLength: "none",
    minLength: "none",
    pattern: "none",
    maxItems: "none",
    minItems: "none",
    uniqueItems: "none",
    maxContains: "none",
    minContains: "none",
    maxProperties: "none",
    minProperties: "none",
    required: "none",
    dependentRequired: "none",
  },
  "format-annotation": { format: "none" },
  "format-assertion": { format: "none" },
};

const only = (table: Readonly<Record<string, Holds>>, ...names: readonly string[]): Record<string, Holds> =>
  Object.fromEntries(names.map((name) => [name, table[name] ?? "none"]));

const latest: Readonly<Record<string, Holds>> = Object.assign({}, ...Object.values(VOCABULARIES));

const numbers = ["multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"];
const sizes = ["maxLength", "minLength", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties"];
const openApi30 = only(
  latest,
  ...["$ref", "type", "enum", "pattern", "required", "format", ...numbers, ...sizes],
  ...["items", "properties", "additionalProperties", "allOf", "anyOf", "oneOf", "not"],
);
const draft04: Readonly<Record<string, Holds>> = {
  ...openApi30,
  patternProperties: "map",
  items: "one-or-list",
  additionalItems: "one",
  dependencies: "dependencies",
  definitions: "map",
};
const draft06: Readonly<Record<string, Holds>> = {
  ...draft04,
  ...only(latest, "const", "contains", "propertyNames"),
};
const draft07: Readonly<Record<string, Holds>> = { ...draft06, ...only(latest, "if", "then", "else") };
const { prefixItems: _, $dynamicRef: __, ...common } = latest;
const draft201909: Readonly<Record<string, Holds>> = { ...common, items: "one-or-list", additionalItems: "one" };

const dialect = (
  name: DialectName,
  table: Readonly<Record<string, Holds>>,
  idKeyword: Dialect["idKeyword"],
  refStandsAlone = false,
): Dialect => ({ name, keywords: new Map(Object.entries(table)), idKeyword, refStandsAlone });

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  "2020-12": dialect("2020-12", latest, "$id"),
  "2019-09": dialect("2019-09", draft201909, "$id"),
  "draft-07": dialect("draft-07", draft07, "$id", true),
  "draft-06": dialect("draft-06", draft06, "$id", true),
  "draft-04": dialect("draft-04", draft04, "id", true),
  "openapi-3.1": dialect("openapi-3.1", latest, "$id"),
  "openapi-3.0": dialect("openapi-3.0", openApi30, undefined, true),
};

const URIS: readonly (readonly [pattern: RegExp, name: DialectName])[] = [
  [/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, "2020-12"],
  [/^https?:\/\/json-schema\.org\/draft\/2019-09\/schema#?$/, "2019-09"],
  [/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, "draft-07"],
  [/^https?:\/\/json-schema\.org\/draft-06\/schema#?$/, "draft-06"],
  [/^https?:\/\/json-schema\.org\/draft-04\/schema#?$/, "draft-04"],
  [/^https:\/\/spec\.openapis\.org\/oas\/3\.[12]\/(?:dialect|schema)\/[\w-]+#?$/, "openapi-3.1"],
];

/** @param uri what `$schema` says */
export function dialectOf(uri: string): Dialect | undefined {
  const name = URIS.find(([pattern]) => pattern.test(uri))?.[1];
  return name === undefined ? undefined : dialects[name];
}

/**
 * The dialect of a meta-schema of one's own, by its `$vocabulary`.
 * @returns undefined where it requires a vocabulary that is not known here
 */
export function dialectOfVocabularies(vocabularies: Readonly<Record<string, unknown>>): Dialect | undefined {
  const keywords = new Map<string, Holds>();
  for (const [uri, isRequired] of Object.entries(vocabularies)) {
    const name = /^https:\/\/json-schema\.org\/draft\/2020-12\/vocab\/([\w-]+)$/.exec(uri)?.[1] ?? "";
    const table = Object.hasOwn(VOCABULARIES, name) ? VOCABULARIES[name] : undefined;
    if (table === undefined && isRequired === true && !/^(?:meta-data|content)$/.test(name)) return undefined;
    for (const [keyword, holds] of Object.entries(table ?? {})) keywords.set(keyword, holds);
  }
  return { ...dialects["2020-12"], keywords };
}
