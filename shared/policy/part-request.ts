/** The call of a part: its templates filled, each value written as the place needs it where it stands. */
import { scalarText } from "../http/whole-numbers.ts";
import { limits } from "../limits.ts";
import type { AggregatePart, JsonTemplate, PartHeader } from "./aggregate-settings.ts";
import { fillJson, Unfilled } from "./json-template.ts";
import { valueAt } from "./json-value.ts";
import { encodePiece, fillTemplate, type TemplateScope } from "./template.ts";
import { isFieldValue } from "./value-text.ts";

export interface PartRequest {
  /** Path and query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** JSON. */
  readonly body?: string;
}

/** Value of a secret; undefined: there is none. */
export type SecretOf = (name: string) => string | undefined;

/** @throws Unfilled when a value is missing or cannot stand where it is named */
export function fillPart(part: AggregatePart, scope: TemplateScope, secretOf: SecretOf): PartRequest {
  const filled = fillTemplate(part.path, scope);
  if ("missing" in filled) throw new Unfilled(`${filled.missing} is missing or unusable`);
  const path = part.query === undefined ? filled.text : filled.text + queryOf(part.query, filled.text, scope);
  const { filledTargetCharsMax } = limits.aggregate;
  if (path.length > filledTargetCharsMax)
    throw new Unfilled(`its path has more than ${filledTargetCharsMax} characters`);
  const headers = part.headers === undefined ? NONE : headersOf(part.headers, scope, secretOf);
  if (part.body === undefined) return { path, headers };
  return { path, headers, body: JSON.stringify(fillJson(part.body, scope, "fail") ?? null) };
}

const NONE: PartRequest["headers"] = [];

type Parameters = readonly (readonly [name: string, template: JsonTemplate])[];

function queryOf(parameters: Parameters, path: string, scope: TemplateScope): string {
  const pairs: string[] = [];
  for (const [name, template] of parameters) {
    const value = fillJson(template, scope, "fail");
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === null || one === undefined) continue;
      const text = scalarText(one);
      if (text === undefined || !text.isWellFormed()) throw new Unfilled(`the parameter ${name} is no text`);
      pairs.push(`${encodePiece(name)}=${encodePiece(text)}`);
    }
  }
  if (pairs.length === 0) return "";
  return (path.includes("?") ? "&" : "?") + pairs.join("&");
}

function headersOf(headers: readonly PartHeader[], scope: TemplateScope, secretOf: SecretOf): [string, string][] {
  const fields: [string, string][] = [];
  let chars = 0;
  for (const header of headers) {
    const value = headerOf(header, scope, secretOf);
    if (value === undefined) continue;
    chars += value.length;
    fields.push([header.name, value]);
  }
  const { filledHeaderCharsMax } = limits.aggregate;
  if (chars > filledHeaderCharsMax) throw new Unfilled(`its headers have more than ${filledHeaderCharsMax} characters`);
  return fields;
}

/** Nothing is encoded: a value that cannot stand in a field fails, and so does none. */
function headerOf(header: PartHeader, scope: TemplateScope, secretOf: SecretOf): string | undefined {
  let text = "";
  for (const piece of header.value) {
    if (typeof piece === "string") text += piece;
    else if ("secret" in piece) text += secretText(piece.secret, secretOf);
    else {
      const value = valueAt(scope, piece);
      if ((value === undefined || value === null) && header.omit === true) return undefined;
      const found = scalarText(value);
      if (found === undefined) throw new Unfilled(`${piece.join(".")} is missing or no text`);
      text += found;
    }
  }
  if (text === "" || !isFieldValue(text))
    throw new Unfilled(`the header ${header.name} would not be one line of visible ASCII`);
  return text;
}

function secretText(name: string, secretOf: SecretOf): string {
  const value = secretOf(name);
  if (value === undefined) throw new Unfilled(`the secret ${name} is not set`);
  return value;
}
