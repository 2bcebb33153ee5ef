/** The message that a request by HTTP stands for: its path, query and content bound to fields (google/api/http.proto). */

import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  mergeFromJson,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { isFieldError, reflect } from "@bufbuild/protobuf/reflect";
import { jsonKindOf } from "../http/content-kind.ts";
import { readExactJson } from "../http/exact-json.ts";
import { parametersOf } from "../http/query-parameters.ts";
import { utf8Text } from "../http/utf8-text.ts";
import { transcode as transcoding } from "../limits/transcode.ts";
import type { Binding } from "./bindings.ts";
import { fieldNamed, findField, isWritableAsText, textAsJson } from "./field-path.ts";
import { asProtoJson } from "./json-numbers.ts";
import { type Captured, capturedText } from "./method-index.ts";
import type { TranscodeSettings } from "./settings.ts";

export interface HttpRequest {
  readonly captured: readonly Captured[];
  /** With its `?`; may be empty. */
  readonly query: string;
  readonly contentType: string | null;
  /** Whole; empty where there is none. */
  readonly content: Uint8Array;
}

/** `form`: it says nothing that the method could be asked; `bounds`: too much; `media-type`: its content is of no kind that is read. */
export interface RequestFault {
  readonly fault: "form" | "bounds" | "media-type";
  readonly reason: string;
  /** What of the request is wrong; safe for clients. Absent: all of it. */
  readonly at?: { readonly parameter: string } | { readonly field: string } | { readonly path: string };
}

/** The message in its binary form. */
export type RequestMessage = { readonly bytes: Uint8Array; readonly fault?: never } | RequestFault;

/** google.api.HttpBody: the content itself, whatever it is. */
export const HTTP_BODY = "google.api.HttpBody";

/** @param registry for messages in `google.protobuf.Any` */
export function requestMessage(
  binding: Binding,
  request: HttpRequest,
  settings: TranscodeSettings,
  registry: Registry,
): RequestMessage {
  const { input } = binding.method;
  const bound = boundMembers(binding, request, settings);
  if (isFault(bound)) return bound;
  const read = readContent(binding, request, settings, registry);
  if (isFault(read)) return read;
  try {
    if (Object.keys(bound).length > 0) mergeFromJson(input, read, bound as JsonValue, { registry });
    const bytes = toBinary(input, read);
    const { messageBytesMax } = transcoding;
    return bytes.byteLength > messageBytesMax
      ? { fault: "bounds", reason: `the message has more than ${messageBytesMax} bytes` }
      : { bytes };
  } catch (cause) {
    return faultOf(cause);
  }
}

const isFault = (one: object): one is RequestFault =>
  "fault" in one && typeof one.fault === "string" && "reason" in one;

type Members = Record<string, unknown>;

/** What path and query say, as JSON of the message. */
function boundMembers(binding: Binding, request: HttpRequest, settings: TranscodeSettings): Members | RequestFault {
  const members: Members = Object.create(null) as Members;
  const parameters = parametersOf(request.query);
  if (parameters === undefined) return { fault: "form", reason: "the query is not one way only" };
  if (parameters.length > transcoding.parametersMax)
    return { fault: "bounds", reason: `the query has more than ${transcoding.parametersMax} parameters` };
  for (const [name, value] of parameters) {
    const fault = bindParameter(binding, members, name, value);
    if (fault === undefined || isIgnored(name, settings, fault)) continue;
    return { fault: "form", reason: `the query parameter ${fault.reason}`, at: { parameter: name } };
  }
  for (const captured of request.captured) {
    const { fields } = captured.variable;
    const text = capturedText(captured);
    const path = fields.map(({ name }) => name).join(".");
    if (text === undefined) return { fault: "form", reason: "the path is not UTF-8 once decoded", at: { path } };
    put(members, fields, (leaf) => textAsJson(leaf, text));
  }
  return members;
}

const isIgnored = (name: string, { ignoreQuery = [] }: TranscodeSettings, { unknown }: ParameterFault): boolean =>
  unknown && (ignoreQuery === true || ignoreQuery.includes(name));

interface ParameterFault {
  readonly reason: string;
  /** It names nothing that a query could say, and could be left out. */
  readonly unknown: boolean;
}

function bindParameter(binding: Binding, members: Members, name: string, value: string): ParameterFault | undefined {
  const unknown = (why: string): ParameterFault => ({ reason: `${quote(name)} ${why}`, unknown: true });
  if (binding.body === "all") return unknown("has no place: the content has all fields");
  const fields = findField(binding.method.input, name.split("."));
  if (typeof fields === "string") return unknown("names no field");
  if (binding.body !== "none" && fields[0] === binding.body) return unknown("names a field of the content");
  if (binding.variables.some(({ fields: bound }) => bound.every((field, at) => field === fields[at])))
    return unknown("names a field of the path");
  const leaf = fields.at(-1);
  if (leaf === undefined || !isWritableAsText(leaf)) return unknown("names a field that no text stands for");
  const isTwice = put(members, fields, () => textAsJson(leaf, value));
  return isTwice ? { reason: `${quote(name)} occurs twice`, unknown: false } : undefined;
}

const quote = (name: string): string => JSON.stringify(name.slice(0, 128));

/** @returns whether a field that has one value has it already */
function put(members: Members, fields: readonly DescField[], value: (leaf: DescField) => unknown): boolean {
  let into = members;
  for (const [at, field] of fields.entries()) {
    const known = into[field.name];
    if (at < fields.length - 1) {
      const inner = (known ?? Object.create(null)) as Members;
      into[field.name] = inner;
      into = inner;
    } else if (field.fieldKind === "list") into[field.name] = [...((known ?? []) as unknown[]), value(field)];
    else if (known !== undefined) return true;
    else into[field.name] = value(field);
  }
  return false;
}

/** The message as far as the content says it. */
function readContent(
  { method: { input }, body }: Binding,
  request: HttpRequest,
  { ignoreFields }: TranscodeSettings,
  registry: Registry,
): Message | RequestFault {
  const { content } = request;
  if (body === "none") {
    if (content.byteLength > 0) return { fault: "form", reason: "the method takes no content" };
    return reflect(input).message;
  }
  const place = body === "all" ? input : body.fieldKind === "message" ? body.message : undefined;
  if (place?.typeName === HTTP_BODY) return rawContent(input, body, place, request);
  if (content.byteLength === 0) return reflect(input).message;
  if (jsonKindOf(request.contentType) !== "json") return { fault: "media-type", reason: "content that is no JSON" };
  const text = utf8Text(content);
  if (text === undefined) return { fault: "form", reason: "the content is not UTF-8" };
  const read = readExactJson(text);
  if (read.fault !== undefined) return { fault: read.fault, reason: `the content: ${read.reason}` };
  try {
    const whole = body === "all" ? read.value : { [body.name]: read.value };
    return fromJson(input, asProtoJson(whole, input, registry), {
      registry,
      ignoreUnknownFields: ignoreFields === true,
    });
  } catch (cause) {
    return faultOf(cause);
  }
}

function rawContent(
  input: DescMessage,
  body: Binding["body"],
  place: DescMessage,
  { content, contentType }: HttpRequest,
): Message {
  const raw = reflect(place);
  const [type, data] = [fieldNamed(place, "content_type"), fieldNamed(place, "data")];
  if (type !== undefined && contentType !== null) raw.set(type, contentType);
  if (data !== undefined) raw.set(data, content);
  if (typeof body === "string") return raw.message;
  const whole = reflect(input);
  whole.set(body, raw);
  return whole.message;
}

/** What the reader of a value said, without the packages of its types. */
function faultOf(cause: unknown): RequestFault {
  const error = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  if (isFieldError(error)) {
    const { name } = error.field();
    return { fault: "form", reason: `the field ${name}: ${shortened(error.message)}`, at: { field: name } };
  }
  const said = error instanceof Error ? error.message : "";
  const [, type = "message of the method", why = ""] =
    /^cannot decode \w+ (?:\w+\.)*(\w+) from JSON: ([\s\S]*)$/.exec(said) ?? [];
  return { fault: "form", reason: `the request has what is no ${type} (${shortened(why)})` };
}

const REASON_CHARS_MAX = 200;

const shortened = (text: string): string => text.slice(0, REASON_CHARS_MAX);
