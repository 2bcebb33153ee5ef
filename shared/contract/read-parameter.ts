/**
 * Parameters of a request by their style (OpenAPI 3.1.1 section 4.8.12.3), as RFC 6570 writes them: values are told apart by what
 * stands unescaped, and decoded once.
 */
import { decodeEscapes, decodeField } from "../http/escapes.ts";
import { readExactJson } from "../http/exact-json.ts";
import { isBracketed, readBrackets } from "./bracket-values.ts";
import type { ContractParameter, ParameterStyle, ValueShape } from "./contract.ts";
import type { FormFields } from "./form-fields.ts";
import { type ReadValue, readItems, readProperties, readScalar, takesScalar } from "./text-value.ts";

/** Decodes a piece of a value once. @returns undefined for an escape that is none */
type Decode = (text: string) => string | undefined;

/** Where a parameter's text comes from, and how it is escaped there. */
interface Source {
  readonly parameter: ContractParameter;
  readonly decode: Decode;
}

const JSON_TYPE = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json$/;
const BAD_ESCAPE = { fault: "has an escape that is none" } as const;
const REPEATED = { fault: "occurs more than once" } as const;
/** Servers that look for it by its own name would find what nobody has judged. */
const NOT_SPREAD = { fault: "must have its properties as fields of their own" } as const;

const fromPath: Decode = decodeEscapes;
/** Fields of a head are not escaped (RFC 9110 section 5.5). */
const fromHeader: Decode = (text) => text.trim();
/** Servers leave alone what is no escape. */
const fromCookie: Decode = (text) => decodeEscapes(text) ?? text;

/** @param text of the path's segment, or its part */
export function readPathParameter(parameter: ContractParameter, text: string): ReadValue {
  const source = { parameter, decode: fromPath };
  const { style = "simple", name } = parameter;
  if (parameter.mediaType !== undefined) return readWhole(source, text);
  if (style === "label")
    return text.startsWith(".") ? readLabel(source, text.slice(1)) : { fault: "must begin with ." };
  if (style === "matrix")
    return text.startsWith(";") ? readMatrix(source, text.slice(1)) : { fault: `must begin with ;${name}` };
  return readSimple(source, text);
}

/** @param text undefined: the field is not there */
export function readHeaderParameter(parameter: ContractParameter, text: string | undefined): ReadValue | undefined {
  if (text === undefined) return undefined;
  const source = { parameter, decode: fromHeader };
  return parameter.mediaType === undefined ? readSimple(source, text) : readWhole(source, text);
}

/** @param values of all cookies of that name */
export function readCookieParameter(parameter: ContractParameter, values: readonly string[]): ReadValue | undefined {
  return readForm({ parameter, decode: fromCookie }, new Map(values.length === 0 ? [] : [[parameter.name, values]]));
}

export function readQueryParameter(parameter: ContractParameter, fields: FormFields): ReadValue | undefined {
  const { style, name, shape, allowReserved } = parameter;
  const source = { parameter, decode: allowReserved === true ? decodeEscapes : decodeField };
  if (style === "deepObject") {
    // Servers that read brackets would take it for the whole value.
    if (fields.has(name)) return { fault: "must have its properties in brackets" };
    return readBrackets(fields, name, shape, source.decode);
  }
  return readForm(source, fields);
}

/** Whether a field of the query is (part of) a parameter. */
export function isFieldOf({ name, style, explode, shape }: ContractParameter, field: string): boolean {
  if (field === name) return true;
  if (style === "deepObject") return isBracketed(field, name);
  return explode === true && isObject(shape) && Object.hasOwn(shape?.properties ?? {}, field);
}

function readWhole({ parameter, decode }: Source, raw: string): ReadValue {
  const text = decode(raw);
  if (text === undefined) return BAD_ESCAPE;
  if (!JSON_TYPE.test(parameter.mediaType ?? "")) return { value: text };
  const read = readExactJson(text);
  return read.fault === undefined ? { value: read.value } : { fault: `must be JSON: ${read.reason}` };
}

function readSimple(source: Source, text: string): ReadValue {
  const { shape, explode = false } = source.parameter;
  if (isArray(shape)) return readList(source, text.split(","));
  if (isObject(shape))
    return explode ? readAssigned(source, text.split(",")) : readAlternating(source, text.split(","));
  return readOne(source, text);
}

function readLabel(source: Source, text: string): ReadValue {
  const { shape, explode = false } = source.parameter;
  if (isArray(shape)) return readList(source, text.split(explode ? "." : ","));
  if (isObject(shape))
    return explode ? readAssigned(source, text.split(".")) : readAlternating(source, text.split(","));
  return readOne(source, text);
}

function readMatrix(source: Source, text: string): ReadValue {
  const { shape, explode = false, name } = source.parameter;
  const pieces = text.split(";");
  if (isObject(shape) && explode) return readAssigned(source, pieces);
  if (pieces.some((piece) => piece !== name && !piece.startsWith(`${name}=`)))
    return { fault: `must begin with ;${name}` };
  const values = pieces.map((piece) => piece.slice(name.length + 1));
  if (isArray(shape))
    return explode ? readList(source, values) : readOnly(values, (one) => readList(source, one.split(",")));
  if (isObject(shape)) return readOnly(values, (one) => readAlternating(source, one.split(",")));
  return readOnly(values, (one) => readOne(source, one));
}

function readForm(source: Source, fields: FormFields): ReadValue | undefined {
  const { parameter } = source;
  const { name, style, shape, mediaType, explode = style === undefined || style === "form" } = parameter;
  const values = fields.get(name);
  if (mediaType === undefined && explode && isObject(shape) && !isArray(shape)) {
    const spread = readSpread(source, fields);
    const properties = Object.keys(shape?.properties ?? {});
    if (values === undefined || properties.includes(name)) return spread;
    // Where any name is a property, its own is one, too.
    const isRefused = parameter.in === "query" && properties.length > 0;
    if (spread !== undefined || !takesScalar(shape as ValueShape)) return isRefused ? NOT_SPREAD : spread;
  }
  if (values === undefined) return undefined;
  if (mediaType !== undefined) return readOnly(values, (one) => readWhole(source, one));
  if (isArray(shape)) return explode ? readList(source, values) : readOnly(values, (one) => readDelimited(source, one));
  if (isObject(shape)) return readOnly(values, (one) => readDelimited(source, one));
  return readOnly(values, (one) => readOne(source, one));
}

/** The properties of an object as fields of their own. */
function readSpread(source: Source, fields: FormFields): ReadValue | undefined {
  const { shape } = source.parameter;
  const pairs: [string, string][] = [];
  for (const name of Object.keys(shape?.properties ?? {})) {
    for (const value of fields.get(name) ?? []) {
      const text = source.decode(value);
      if (text === undefined) return BAD_ESCAPE;
      pairs.push([name, text]);
    }
  }
  return pairs.length === 0 ? undefined : readProperties(pairs, shape);
}

/** Spaces and bars are no characters of a query: as separators they are escaped like all others. */
const ESCAPED: { readonly [style in ParameterStyle]?: string } = { spaceDelimited: " ", pipeDelimited: "|" };

function readDelimited(source: Source, text: string): ReadValue {
  const { style, shape } = source.parameter;
  const delimiter = ESCAPED[style ?? "form"];
  if (delimiter === undefined)
    return isArray(shape) ? readList(source, text.split(",")) : readAlternating(source, text.split(","));
  const whole = source.decode(text);
  if (whole === undefined) return BAD_ESCAPE;
  const plain = { ...source, decode: (piece: string): string => piece };
  const pieces = whole.split(delimiter);
  return isArray(shape) ? readList(plain, pieces) : readAlternating(plain, pieces);
}

function readOnly(values: readonly string[], read: (value: string) => ReadValue): ReadValue {
  const [first = "", ...others] = values;
  return others.length > 0 ? REPEATED : read(first);
}

function readOne({ parameter, decode }: Source, raw: string): ReadValue {
  const text = decode(raw);
  return text === undefined ? BAD_ESCAPE : { value: readScalar(text, parameter.shape) };
}

/** One piece alone is the value itself where the schema also takes one that is no list. */
function readList(source: Source, pieces: readonly string[]): ReadValue {
  const { shape } = source.parameter;
  if (pieces.length === 1 && shape !== undefined && takesScalar(shape)) return readOne(source, pieces[0] ?? "");
  const texts = pieces.map(source.decode);
  if (!texts.every((text) => text !== undefined)) return BAD_ESCAPE;
  return { value: readItems(texts, shape) };
}

function readAlternating(source: Source, pieces: readonly string[]): ReadValue {
  if (pieces.length % 2 === 1) return { fault: "must have a value for each property" };
  const pairs: [string, string][] = [];
  for (let at = 0; at < pieces.length; at += 2) pairs.push([pieces[at] ?? "", pieces[at + 1] ?? ""]);
  return readPairs(source, pairs);
}

function readAssigned(source: Source, pieces: readonly string[]): ReadValue {
  const pairs: [string, string][] = [];
  for (const piece of pieces) {
    const at = piece.indexOf("=");
    if (at <= 0) return { fault: "must have a value for each property" };
    pairs.push([piece.slice(0, at), piece.slice(at + 1)]);
  }
  return readPairs(source, pairs);
}

function readPairs({ parameter, decode }: Source, pairs: readonly (readonly [string, string])[]): ReadValue {
  const decoded: [string, string][] = [];
  for (const [rawName, raw] of pairs) {
    const [name, text] = [decode(rawName), decode(raw)];
    if (name === undefined || text === undefined) return BAD_ESCAPE;
    decoded.push([name, text]);
  }
  return readProperties(decoded, parameter.shape);
}

const isArray = (shape: ValueShape | undefined): boolean => shape?.types.includes("array") === true;
const isObject = (shape: ValueShape | undefined): boolean => shape?.types.includes("object") === true;
