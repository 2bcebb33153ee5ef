/** The content of a request or an answer as the value that a schema judges. */
import { decodeField } from "../http/escapes.ts";
import { readExactJson } from "../http/exact-json.ts";
import { isJson, isUtf8, type MediaType } from "../http/media-type.ts";
import { type FormPart, readParts } from "../http/multipart.ts";
import { exactUtf8Text, utf8Text } from "../http/utf8-text.ts";
import { isBracketed, readBrackets } from "./bracket-values.ts";
import { contentFor } from "./content-for.ts";
import type { ContractContent, ValueShape } from "./contract.ts";
import { formFields } from "./form-fields.ts";
import { isFieldOf, readQueryParameter } from "./read-parameter.ts";
import { type ReadValue, readScalar, shapeOf } from "./text-value.ts";

export type ReadBody =
  | { readonly kind: "value"; readonly value: unknown }
  /** Of a kind whose content nobody looks into. */
  | { readonly kind: "opaque" }
  /** `bounds`: more than is read; `form`: not what its type says; `charset`: in an encoding that is not read. */
  | { readonly kind: "bounds" | "form" | "charset"; readonly reason: string };

const FORM = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

/** Whether content of the type is looked into at all. */
export const isRead = (type: string): boolean => isJson(type) || type === FORM || type === MULTIPART;

/**
 * @param content decoded
 * @param type what it says that it is
 * @param of the entry of the contract that takes it
 */
export function readBody(content: Uint8Array, type: MediaType, of: ContractContent): ReadBody {
  if (!isRead(type.type)) return { kind: "opaque" };
  if (!isUtf8(type)) return { kind: "charset", reason: `its charset is ${type.charset?.slice(0, 32)}` };
  if (type.type === MULTIPART) return readMultipart(content, type.boundary, of);
  const isForm = type.type === FORM;
  const text = isForm ? exactUtf8Text(content) : utf8Text(content);
  if (text === undefined) return { kind: "form", reason: "it is not UTF-8" };
  if (isForm) return readForm(text, of);
  const read = readExactJson(text);
  return read.fault === undefined ? { kind: "value", value: read.value } : { kind: read.fault, reason: read.reason };
}

function readForm(text: string, { shape, encoding = [] }: ContractContent): ReadBody {
  const fields = formFields(text);
  if (fields === undefined) return { kind: "form", reason: "it has too many fields, or one that is no text" };
  const written = encoding.flatMap(({ as }) => as ?? []);
  const isWritten = (name: string): boolean => written.some((one) => isFieldOf(one, name));
  const others = written.length === 0 ? fields : new Map([...fields].filter(([name]) => !isWritten(name)));
  const groups = grouped(others, shape);
  // Servers that know nothing of how a field is written would read its brackets.
  if (groups === undefined || [...groups.keys()].some(isWritten)) return TWO_READINGS;
  const properties: [string, unknown][] = [];
  for (const one of written) {
    const read = readQueryParameter(one, fields);
    if (read?.fault !== undefined) return { kind: "form", reason: `a field ${read.fault}` };
    if (read !== undefined) properties.push([one.name, read.value]);
  }
  for (const [name, values] of groups) {
    const own = shapeOf(shape, name);
    const read = values === undefined ? readBrackets(fields, name, own, decodeField) : readField(values, own);
    if (read === undefined) continue;
    if (read.fault !== undefined) return { kind: "form", reason: `a field ${read.fault}` };
    properties.push([name, read.value]);
  }
  return { kind: "value", value: Object.fromEntries(properties) };
}

const TWO_READINGS = { kind: "form", reason: "a name with brackets can be read in several ways" } as const;

/**
 * Names that go on in brackets are one field, whose values are read from all of them: those have no values of their own here. A
 * property whose own name has brackets is that property.
 * @returns undefined where servers would read a name as another one: a field beside its own brackets, or brackets that are none
 */
function grouped<Values>(
  fields: ReadonlyMap<string, Values>,
  shape: ValueShape | undefined,
): ReadonlyMap<string, Values | undefined> | undefined {
  const groups = new Map<string, Values | undefined>();
  for (const [name, values] of fields) {
    const at = name.indexOf("[");
    const base = at > 0 && shapeOf(shape, name) === undefined ? name.slice(0, at) : name;
    const isPlain = base === name;
    if (!isPlain && !isBracketed(name, base)) return undefined;
    if (groups.has(base) && (isPlain || groups.get(base) !== undefined)) return undefined;
    groups.set(base, isPlain ? values : undefined);
  }
  return groups;
}

function readField(values: readonly string[], shape: ValueShape | undefined): ReadValue {
  const texts = values.map(decodeField);
  if (!texts.every((text) => text !== undefined)) return { fault: "has an escape that is none" };
  return { value: joined(texts, shape, readScalar) };
}

/** A field that comes several times is a list, and so is one alone where the schema takes lists only. */
function joined<Piece>(
  pieces: readonly Piece[],
  shape: ValueShape | undefined,
  read: (piece: Piece, shape: ValueShape | undefined) => unknown,
): unknown {
  const types = shape?.types;
  const isList = pieces.length > 1 || (types?.includes("array") === true && !types.includes("string"));
  if (isList) return pieces.map((piece) => read(piece, shape?.items));
  return read(pieces[0] as Piece, shape);
}

function readMultipart(
  content: Uint8Array,
  boundary: string | undefined,
  { shape, encoding = [] }: ContractContent,
): ReadBody {
  const read = readParts(content, boundary);
  if (read.fault !== undefined) return { kind: read.fault, reason: read.reason };
  const fields = new Map<string, unknown[]>();
  for (const part of read.parts) {
    const isOwn = shapeOf(shape, part.name) !== undefined;
    const isOf = (name: string): boolean => name === part.name || (!isOwn && isBracketed(part.name, name));
    const types = encoding.find(({ name }) => isOf(name))?.types;
    const value = readPart(types === undefined ? part : typed(part, types));
    if (value.kind !== "value") return value;
    const known = fields.get(part.name);
    if (known === undefined) fields.set(part.name, [value.value]);
    else known.push(value.value);
  }
  const groups = grouped(fields, shape);
  if (groups === undefined) return TWO_READINGS;
  const properties: [string, unknown][] = [];
  for (const [name, values] of groups) {
    const own = shapeOf(shape, name);
    const value = values === undefined ? readBracketParts(fields, name, own) : { value: joined(values, own, scalarOf) };
    if (value.fault !== undefined) return { kind: "form", reason: `a part ${value.fault}` };
    properties.push([name, value.value]);
  }
  return { kind: "value", value: Object.fromEntries(properties) };
}

/** Parts whose names go on in brackets behind this one. */
function readBracketParts(
  fields: ReadonlyMap<string, readonly unknown[]>,
  name: string,
  shape: ValueShape | undefined,
): ReadValue {
  const texts = new Map<string, readonly string[]>();
  for (const [field, values] of fields) {
    if (!isBracketed(field, name)) continue;
    const own = values.map((value) => (value instanceof Text ? value.text : value));
    if (!own.every((text) => typeof text === "string")) return { fault: "of JSON has brackets in its name" };
    texts.set(field, own);
  }
  return readBrackets(texts, name, shape, (text) => text) ?? { value: undefined };
}

/** What JSON or a file has is what it is; text is read as the schema takes it. */
class Text {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const scalarOf = (value: unknown, shape: ValueShape | undefined): unknown =>
  value instanceof Text ? readScalar(value.text, shape) : value;

type PartValue = { readonly kind: "value"; readonly value: unknown } | Extract<ReadBody, { readonly reason: string }>;

/** What clients leave out is what alone may stand there. */
function typed(part: FormPart, types: readonly string[]): FormPart & { readonly isMistyped?: boolean } {
  const [only = "text/plain"] = types;
  const type = part.type ?? (types.length === 1 && isJson(only) ? only : "text/plain");
  const fitting = contentFor(
    types.map((mediaType) => ({ mediaType })),
    type,
  );
  return { ...part, type, isMistyped: fitting === undefined };
}

function readPart({ type, isFile, content, isMistyped }: FormPart & { readonly isMistyped?: boolean }): PartValue {
  if (isMistyped === true) return { kind: "form", reason: "a part is of a type that its field does not have" };
  // A character a byte: lengths are those of the file, and nothing else of it is judged.
  if (isFile || (type !== undefined && type !== "text/plain" && !isJson(type)))
    return { kind: "value", value: new TextDecoder("windows-1252").decode(content) };
  const isText = type === undefined || !isJson(type);
  const text = isText ? exactUtf8Text(content) : utf8Text(content);
  if (text === undefined) return { kind: "form", reason: "a field is not UTF-8" };
  if (isText) return { kind: "value", value: new Text(text) };
  const read = readExactJson(text);
  return read.fault === undefined
    ? { kind: "value", value: read.value }
    : { kind: read.fault, reason: `a part: ${read.reason}` };
}
