/**
 * The text that an HTTP message signature signs (RFC 9421 section 2.5), made anew from the message. What cannot be said in
 * exactly one way is refused: a guess would be another text than the signer's, or somebody else's.
 */

import {
  type Dictionary,
  type InnerList,
  type Item,
  isInnerList,
  parseDictionary,
  parseItem,
  parseList,
  serializeByteSequence,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
  serializeList,
} from "structured-headers";
import { limits } from "../limits.ts";
import { decodeField } from "./escapes.ts";

/** What of a message a signature can cover. An answer is its request with `answer`. */
export interface SignedMessage {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and port as the signer named them. */
  readonly authority: string;
  /** As sent, begins with `/`. */
  readonly path: string;
  /** As sent, with its `?`; empty when there is none. */
  readonly query: string;
  /** Values of a field, one a line, in order; several lines may come as one, joined by `, `. @param name lower case */
  lines(name: string): readonly string[] | undefined;
  readonly answer?: { readonly status: number; lines(name: string): readonly string[] | undefined };
}

/** A covered component: name and parameters (section 2). */
export interface Component {
  /** Lower case; derived ones begin with `@`. */
  readonly name: string;
  readonly params: ReadonlyMap<string, string | true>;
  /** As it stands in the text that is signed: `"@query-param";name="Pet"`. */
  readonly text: string;
}

/** What a signature covers, and what it says of itself (section 2.3). Times in seconds since the epoch. */
export interface SignatureInput {
  readonly label: string;
  readonly components: readonly Component[];
  readonly created?: number;
  readonly expires?: number;
  readonly nonce?: string;
  readonly alg?: string;
  readonly keyid?: string;
  readonly tag?: string;
  /** The value of `@signature-params`. */
  readonly text: string;
}

/** The signed text is ASCII without line breaks in its values: another line could otherwise stand in a value. */
const LINE = /^[\t\x20-\x7e]*$/;

/** @returns the text that was signed, or why it cannot be made of this message */
export function signatureBase(input: SignatureInput, message: SignedMessage): { readonly base: string } | string {
  let base = "";
  const reading = newReading();
  for (const component of input.components) {
    const found = componentValue(component, message, reading);
    if ("reason" in found) return `${component.text} ${found.reason}`;
    if (!LINE.test(found.value)) return `${component.text} has a value that is not one line of ASCII`;
    base += `${component.text}: ${found.value}\n`;
    if (base.length > limits.signature.baseBytesMax) return "the signed text is too long";
  }
  return { base: `${base}"@signature-params": ${input.text}` };
}

/** Why a component with these parameters is none that can be covered, or undefined (section 2.1 and 2.2). */
export function refuseComponent(name: string, params: ReadonlyMap<string, string | true>): string | undefined {
  if (name.startsWith("@")) return refuseDerived(name, params);
  if (!FIELD_NAME.test(name)) return "is no field name in lower case";
  for (const [param, value] of params) {
    if (param === "tr") return "is of the trailers, which are not looked at";
    if (!FIELD_PARAMS.has(param)) return `has the unknown parameter ${param}`;
    if ((param === "key") !== (typeof value === "string")) return `has a malformed ${param}`;
  }
  if (params.has("bs") && (params.has("sf") || params.has("key"))) return "is both bytes and structured";
  return undefined;
}

function refuseDerived(name: string, params: ReadonlyMap<string, string | true>): string | undefined {
  if (name !== QUERY_PARAM && name !== STATUS && !derived.has(name)) return "is no derived component";
  for (const [param, value] of params) {
    const known = param === "req" || (param === "name" && name === QUERY_PARAM);
    if (!known) return `has the unknown parameter ${param}`;
    if ((param === "name") !== (typeof value === "string")) return `has a malformed ${param}`;
  }
  return name === QUERY_PARAM && !params.has("name") ? "names no parameter" : undefined;
}

const FIELD_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const FIELD_PARAMS = new Set(["sf", "key", "bs", "req"]);
const QUERY_PARAM = "@query-param";
const STATUS = "@status";

type Value = { readonly value: string } | { readonly reason: string };

/** What many components may ask for is read once: who signs chooses how many they are, before anything is proven. */
interface Reading {
  /** Of a field's value; undefined: it is none. */
  readonly dictionaryOf: (value: string) => Dictionary | undefined;
  readonly parametersOf: (query: string) => QueryParameters | undefined;
}

const newReading = (): Reading => ({ dictionaryOf: once(readDictionary), parametersOf: once(readParameters) });

function once<Result>(read: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, { readonly result: Result }>();
  return (text) => {
    const found = known.get(text) ?? { result: read(text) };
    known.set(text, found);
    return found.result;
  };
}

function componentValue(component: Component, message: SignedMessage, reading: Reading): Value {
  const { name, params } = component;
  const ofRequest = params.has("req");
  if (ofRequest && message.answer === undefined) return { reason: "is of a request that belongs to an answer" };
  const isAnswer = message.answer !== undefined && !ofRequest;
  if (!name.startsWith("@")) {
    const lines = isAnswer ? message.answer?.lines(name) : message.lines(name);
    return lines === undefined || lines.length === 0 ? { reason: "is missing" } : fieldValue(component, lines, reading);
  }
  if (name === STATUS && isAnswer) return { value: String(message.answer?.status) };
  if (name === STATUS || isAnswer) return { reason: `is no part of ${isAnswer ? "an answer" : "a request"}` };
  if (name === QUERY_PARAM) return queryParam(reading.parametersOf(message.query), String(params.get("name")));
  const derive = derived.get(name);
  return derive === undefined ? { reason: "is no derived component" } : { value: derive(message) };
}

/** Section 2.2. */
const derived: ReadonlyMap<string, (message: SignedMessage) => string> = new Map([
  ["@method", ({ method }) => method],
  ["@target-uri", (message) => `${message.scheme}://${authorityOf(message)}${message.path}${message.query}`],
  ["@authority", (message) => authorityOf(message)],
  ["@scheme", ({ scheme }) => scheme],
  ["@request-target", ({ path, query }) => path + query],
  ["@path", ({ path }) => path],
  ["@query", ({ query }) => (query === "" ? "?" : query)],
]);

/** Lower case and without the scheme's own port (section 2.2.3). */
function authorityOf({ authority, scheme }: SignedMessage): string {
  const port = scheme === "https" ? ":443" : ":80";
  const lower = authority.toLowerCase();
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/** Section 2.1: each line without the space around it, folded lines in one. */
function fieldValue({ name, params }: Component, lines: readonly string[], { dictionaryOf }: Reading): Value {
  const values = lines.map(unfolded);
  if (params.has("bs")) return bytesValue(values);
  const value = values.join(", ");
  const key = params.get("key");
  if (typeof key === "string") return dictionaryMember(dictionaryOf(value), key);
  return params.has("sf") ? structuredValue(name, value) : { value };
}

/** In one pass: a pattern that looks for the end of each run of spaces takes seconds for a line of nothing else. */
function unfolded(line: string): string {
  const [first = "", ...rest] = line.split(/\r?\n/);
  return rest.reduce(
    // A line that does not begin with space continues nothing; what breaks a line in two is refused later.
    (before, next) => before + (/^[ \t]/.test(next) ? " " : "\n") + withoutSpaceAround(next),
    withoutSpaceAround(first),
  );
}

function withoutSpaceAround(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isSpace(text[from])) from++;
  while (to > from && isSpace(text[to - 1])) to--;
  return text.slice(from, to);
}

const isSpace = (char: string | undefined): boolean => char === " " || char === "\t";

/** Section 2.1.3. What is not ASCII may have been decoded in several ways, so its bytes are not known. */
function bytesValue(values: readonly string[]): Value {
  if (!values.every((value) => LINE.test(value))) return { reason: "has bytes that are not ASCII" };
  const encoder = new TextEncoder();
  return { value: values.map((value) => serializeByteSequence(encoder.encode(value))).join(", ") };
}

/** Section 2.1.2. */
function dictionaryMember(members: Dictionary | undefined, key: string): Value {
  if (members === undefined) return NO_STRUCTURE;
  const member = members.get(key);
  if (member === undefined) return { reason: "is missing" };
  return { value: isInnerList(member) ? serializeInnerList(member as InnerList) : serializeItem(member as Item) };
}

function readDictionary(value: string): Dictionary | undefined {
  try {
    return parseDictionary(value);
  } catch {
    return undefined;
  }
}

/** Section 2.1.1. */
function structuredValue(name: string, value: string): Value {
  const serialize = structured.get(name);
  if (serialize === undefined) return { reason: "is not known as a structured field" };
  try {
    return { value: serialize(value) };
  } catch {
    return NO_STRUCTURE;
  }
}

const NO_STRUCTURE: Value = { reason: "is no structured field" };

const dictionary = (value: string): string => serializeDictionary(parseDictionary(value));
const list = (value: string): string => serializeList(parseList(value));
const item = (value: string): string => serializeItem(parseItem(value));

/** Request and answer fields that are registered with a structured type. */
const structured: ReadonlyMap<string, (value: string) => string> = new Map([
  ["accept-signature", dictionary],
  ["cache-status", list],
  ["cdn-cache-control", dictionary],
  ["client-cert", item],
  ["client-cert-chain", list],
  ["content-digest", dictionary],
  ["deprecation", item],
  ["idempotency-key", item],
  ["priority", dictionary],
  ["proxy-status", list],
  ["repr-digest", dictionary],
  ["signature", dictionary],
  ["signature-agent", dictionary],
  ["signature-input", dictionary],
  ["want-content-digest", dictionary],
  ["want-repr-digest", dictionary],
]);

/** By their names, encoded again: the value as sent, undefined where there are several. */
type QueryParameters = ReadonlyMap<string, string | undefined>;

/**
 * Section 2.2.8: the one parameter of that name, decoded as a form and encoded again. A name that occurs twice, or that
 * readers could decode differently, has no value.
 */
function queryParam(parameters: QueryParameters | undefined, name: string): Value {
  if (parameters === undefined) return { reason: "stands in a query with a broken escape" };
  if (!parameters.has(name)) return { reason: "is missing" };
  const sent = parameters.get(name);
  if (sent === undefined) return { reason: "is there twice" };
  const value = reencoded(sent);
  return value === undefined ? { reason: "has a broken escape" } : { value };
}

/** @returns undefined for a query with a name that can be decoded in two ways */
function readParameters(query: string): QueryParameters | undefined {
  const found = new Map<string, string | undefined>();
  for (const member of query.slice(1).split("&")) {
    if (member === "") continue;
    const at = member.indexOf("=");
    const name = reencoded(at < 0 ? member : member.slice(0, at));
    if (name === undefined) return undefined;
    found.set(name, found.has(name) ? undefined : at < 0 ? "" : member.slice(at + 1));
  }
  return found;
}

/** Decoded as a form and percent-encoded again, spaces as `%20`; undefined for what is not UTF-8. */
function reencoded(text: string): string | undefined {
  const decoded = decodeField(text);
  if (decoded === undefined) return undefined;
  return encodeURIComponent(decoded).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
