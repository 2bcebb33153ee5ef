/**
 * An OpenAPI description as the edge uses it: compiled where the document is applied, plain JSON, named by its digest. Plans hold the
 * digest alone; who needs the contract fetches it once.
 */

import type { ValidationMode } from "./route-validation.ts";

export const CONTRACT_FORMAT = 1;

export interface Contract {
  readonly format: typeof CONTRACT_FORMAT;
  /** `info.title` and `info.version`, for people. */
  readonly title: string;
  readonly version: string;
  /** Path of the first of `servers`, without a `/` at its end; "" for none. */
  readonly basePath: string;
  readonly operations: readonly ContractOperation[];
  /**
   * Compiled schemas by name, each as the JSON text of a `CompiledSchema`: what no request asks for is never parsed. Schemas
   * refer to others by name.
   */
  readonly schemas: Readonly<Record<string, string>>;
  /** Some schema has a regular expression: validation needs the engine of `shared/contract/schema-regexes.ts`. */
  readonly patterns?: true;
}

export interface ContractOperation {
  /** `operationId`, or `GET /pets/{id}` where it has none. */
  readonly id: string;
  /** In capitals. */
  readonly method: string;
  /** Template as in the description: `/pets/{id}`. */
  readonly path: string;
  /** At most so strictly is it held to (`weakerMode`), by `x-selvage` of the description. Absent: as the route says. */
  readonly modes?: { readonly requests?: ValidationMode; readonly responses?: ValidationMode };
  readonly parameters: readonly ContractParameter[];
  readonly body?: ContractBody;
  /** By status (`200`), range (`4XX`) or `default`. */
  readonly responses: Readonly<Record<string, ContractResponse>>;
}

export interface ContractParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly required: boolean;
  /** Of OpenAPI 3.1, section 4.8.12.2.2; absent where `mediaType` says how it is written. */
  readonly style?: ParameterStyle;
  readonly explode?: boolean;
  /** Reserved characters stand in its value without escapes. */
  readonly allowReserved?: true;
  /** Its value is content of this type, such as `application/json`. */
  readonly mediaType?: string;
  /** A name in `schemas`; absent: anything. */
  readonly schema?: string;
  /** What the text has to be read as before the schema sees it. */
  readonly shape?: ValueShape;
}

export type ParameterStyle = "matrix" | "label" | "form" | "simple" | "spaceDelimited" | "pipeDelimited" | "deepObject";

/** Types that a schema takes at a place, as far as text must be read by them: `["integer", "null"]`. */
export interface ValueShape {
  readonly types: readonly ("string" | "number" | "integer" | "boolean" | "null" | "array" | "object")[];
  readonly items?: ValueShape;
  readonly properties?: Readonly<Record<string, ValueShape>>;
}

export interface ContractBody {
  readonly required: boolean;
  readonly content: readonly ContractContent[];
}

export interface ContractContent {
  /** Media type or range, lower case, without parameters: `application/json`, `image/*`. More specific ones come first. */
  readonly mediaType: string;
  readonly schema?: string;
  /** For forms, whose values are text. */
  readonly shape?: ValueShape;
  /** Of forms, by name: fields of which the description says how they are written. Absent: of none. */
  readonly encoding?: readonly FieldEncoding[];
}

export interface FieldEncoding {
  readonly name: string;
  /** In `application/x-www-form-urlencoded`: what it would be in a query. */
  readonly as?: ContractParameter;
  /** In `multipart/form-data`: media types and ranges that its parts have. */
  readonly types?: readonly string[];
}

export interface ContractResponse {
  readonly content: readonly ContractContent[];
  readonly headers: readonly (Omit<ContractParameter, "in"> & { readonly in: "header" })[];
}
