/** The content of a request or an answer as the value that a schema judges. */
import { readExactJson } from "../http/exact-json.ts";
import { readBrackets } from "./bracket-values.ts";
import type { ContractContent, ValueShape } from "./contract.ts";
import { decodeField, type FormFields, formFields } from "./form-fields.ts";
import { isJson, type MediaType } from "./media-type.ts";
import { type FormPart, readParts, textOf } from "./multipart.ts";
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
  if (type.charset !== undefined && type.charset !== "utf-8" && type.charset !== "utf8")
    return { kind: "charset", reason: `its charset is ${type.charset.slice(0, 32)}` };
  if (type.type === MULTIPART) return readMultipart(content, type.boundary, of.shape);
  const text = textOf(content);
  if (text === undefined) return { kind: "form", reason: "it is not UTF-8" };
  if (type.type === FORM) return readForm(text, of.shape);
  const read = readExactJson(text);
  return read.fault === undefined ? { kind: "value", value: read.value } : { kind: read.fault, reason: read.reason };
}

function readForm(text: string, shape: ValueShape | undefined): ReadBody {
  const fields = formFields(text);
  if (fields === undefined) return { kind: "form", reason: "it has too many fields, or one that is no text" };
  const properties: [string, unknown][] = [];
  for (const [name, values] of grouped(fields)) {
    const own = shapeOf(shape, name);
    const read = values === undefined ? readBrackets(fields, name, own, decodeField) : readField(values, own);
    if (read === undefined) continue;
    if (read.fault !== undefined) return { kind: "form", reason: `a field ${read.fault}` };
    properties.push([name, read.value]);
  }
  return { kind: "value", value: Object.fromEntries(properties) };
}

/** Names that go on in brackets are one field, whose values are read from all of them. */
function grouped(fields: FormFields): ReadonlyMap<string, readonly string[] | undefined> {
  const groups = new Map<string, readonly string[] | undefined>();
  for (const [name, values] of fields) {
    const at = name.indexOf("[");
    const base = at > 0 && name.endsWith("]") ? name.slice(0, at) : name;
    if (base === name) groups.set(name, values);
    else if (!groups.has(base)) groups.set(base, undefined);
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

function readMultipart(content: Uint8Array, boundary: string | undefined, shape: ValueShape | undefined): ReadBody {
  const read = readParts(content, boundary);
  if (read.fault !== undefined) return { kind: read.fault, reason: read.reason };
  const fields = new Map<string, FormPart[]>();
  for (const part of read.parts) {
    const known = fields.get(part.name);
    if (known === undefined) fields.set(part.name, [part]);
    else known.push(part);
  }
  const properties: [string, unknown][] = [];
  for (const [name, parts] of fields) {
    const values: unknown[] = [];
    for (const part of parts) {
      const value = readPart(part);
      if (value.kind !== "value") return value;
      values.push(value.value);
    }
    properties.push([name, joined(values, shapeOf(shape, name), scalarOf)]);
  }
  return { kind: "value", value: Object.fromEntries(properties) };
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

function readPart({ type, isFile, content }: FormPart): PartValue {
  // A character a byte: lengths are those of the file, and nothing else of it is judged.
  if (isFile || (type !== undefined && type !== "text/plain" && !isJson(type)))
    return { kind: "value", value: new TextDecoder("windows-1252").decode(content) };
  const text = textOf(content);
  if (text === undefined) return { kind: "form", reason: "a field is not UTF-8" };
  if (type === undefined || !isJson(type)) return { kind: "value", value: new Text(text) };
  const read = readExactJson(text);
  return read.fault === undefined
    ? { kind: "value", value: read.value }
    : { kind: read.fault, reason: `a part: ${read.reason}` };
}
