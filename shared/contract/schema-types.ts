/**
 * Schemas as the edge uses them: JSON Schema in one dialect, whatever dialect they were written in. What was compiled away: base
 * URIs, anchors and ids (references go by name), expressions in the syntax of ECMA-262 (they are RE2), annotations, and what only
 * draft 4 or OpenAPI 3.0 knows (`nullable`, `exclusiveMinimum: true`). Made by `cli/contract/compile-schemas.ts`.
 */

export type SchemaType = "null" | "boolean" | "object" | "array" | "number" | "string" | "integer";

export type CompiledSchema = boolean | CompiledObject;

type Schemas = Readonly<Record<string, CompiledSchema>>;
/** A double, or what `rawNumber` gives where no double holds the number. */
type SchemaNumber = unknown;

/** Keywords mean what JSON Schema 2020-12 says, but for those with words of their own here. */
export interface CompiledObject {
  readonly type?: readonly SchemaType[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly multipleOf?: SchemaNumber;
  readonly maximum?: SchemaNumber;
  readonly exclusiveMaximum?: SchemaNumber;
  readonly minimum?: SchemaNumber;
  readonly exclusiveMinimum?: SchemaNumber;
  readonly maxLength?: number;
  readonly minLength?: number;
  /** In the syntax of RE2. */
  readonly pattern?: string;
  /** Asserted where the validation is told to. */
  readonly format?: string;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly uniqueItems?: true;
  readonly prefixItems?: readonly CompiledSchema[];
  /** A list where the schema was written in a draft before 2020-12: what is `prefixItems` there. */
  readonly items?: CompiledSchema | readonly CompiledSchema[];
  /** Beside a list of `items`. */
  readonly additionalItems?: CompiledSchema;
  readonly contains?: CompiledSchema;
  readonly minContains?: number;
  readonly maxContains?: number;
  readonly unevaluatedItems?: CompiledSchema;
  readonly maxProperties?: number;
  readonly minProperties?: number;
  /** In both directions. */
  readonly required?: readonly string[];
  /** Required in answers alone (`readOnly`), and in requests alone (`writeOnly`). */
  readonly requiredRead?: readonly string[];
  readonly requiredWrite?: readonly string[];
  readonly properties?: Schemas;
  /** Names are expressions in the syntax of RE2. */
  readonly patternProperties?: Schemas;
  readonly additionalProperties?: CompiledSchema;
  readonly propertyNames?: CompiledSchema;
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>;
  readonly dependentSchemas?: Schemas;
  /** Drafts before 2019-09. */
  readonly dependencies?: Readonly<Record<string, CompiledSchema | readonly string[]>>;
  readonly unevaluatedProperties?: CompiledSchema;
  readonly allOf?: readonly CompiledSchema[];
  readonly anyOf?: readonly CompiledSchema[];
  readonly oneOf?: readonly CompiledSchema[];
  readonly not?: CompiledSchema;
  readonly if?: CompiledSchema;
  readonly then?: CompiledSchema;
  readonly else?: CompiledSchema;
  /** Which of `oneOf` or `anyOf` a value means to be, by its property: decides what is told of a value that is none. */
  readonly discriminator?: { readonly propertyName: string; readonly branches: Readonly<Record<string, number>> };
  /** Name of a schema. */
  readonly $ref?: string;
  /** The outermost schema resource that is being evaluated and has the anchor says which; else `schema`. */
  readonly $dynamicRef?: { readonly anchor: string; readonly schema: string };
  /** This is the beginning of a schema resource with these `$dynamicAnchor`s, and the names of the schemas they stand in. */
  readonly dynamicAnchors?: Readonly<Record<string, string>>;
}
