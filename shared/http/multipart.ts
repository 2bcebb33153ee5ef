/** `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read within bounds. */

import { limits } from "../limits.ts";
import { parametersOf, parseMediaType } from "./media-type.ts";
import { utf8Text } from "./utf8-text.ts";

export interface FormPart {
  readonly name: string;
  /** Lower case; undefined: none is stated, and it is text. */
  readonly type: string | undefined;
  readonly isFile: boolean;
  readonly content: Uint8Array;
}

export type ReadParts = { readonly parts: readonly FormPart[]; readonly fault?: never } | PartsFault;

interface PartsFault {
  readonly fault: "bounds" | "form";
  readonly reason: string;
}

const bounds = limits.forms;
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/;
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*$/;
const PLAIN_ENCODING = /^(?:7bit|8bit|binary)$/i;
const PLAIN_CHARSET = /^(?:utf-?8|us-ascii)$/;

/** Whether a boundary is one (RFC 2046 section 5.1.1). @param boundary of the content's type */
export const isBoundary = (boundary: string | undefined): boundary is string =>
  boundary !== undefined && boundary.length <= bounds.boundaryCharsMax && BOUNDARY.test(boundary);

/** @param boundary of the content's type */
export function readParts(content: Uint8Array, boundary: string | undefined): ReadParts {
  if (!isBoundary(boundary)) return { fault: "form", reason: "its type names no boundary" };
  // A character a byte: places in one are places in the other.
  const text = new TextDecoder("windows-1252").decode(content);
  const delimiter = `\r\n--${boundary}`;
  const parts: FormPart[] = [];
  // What stands before the first delimiter is for nobody (RFC 2046 section 5.1.1).
  let at = text.startsWith(delimiter.slice(2)) ? delimiter.length - 2 : afterOf(text, delimiter);
  while (at >= 0 && !text.startsWith("--", at)) {
    const headAt = skipPadding(text, at);
    const end = text.indexOf(delimiter, headAt);
    if (end < 0 || !text.startsWith("\r\n", headAt)) return CUT;
    if (parts.length >= bounds.fieldsMax)
      return { fault: "bounds", reason: `it has more than ${bounds.fieldsMax} parts` };
    const part = partOf(content, text, headAt + 2, end);
    if ("fault" in part) return part;
    parts.push(part);
    at = end + delimiter.length;
  }
  if (at < 0) return CUT;
  // A server that ends lines by less than CR LF would find a part here that is none.
  if (delimitersIn(text, delimiter.slice(2)) !== parts.length + 1)
    return { fault: "form", reason: "its boundary stands where no part ends" };
  return { parts };
}

/** Lines that begin with the dashes and the boundary, whatever ends the line before. */
function delimitersIn(text: string, dashed: string): number {
  let count = 0;
  for (let at = text.indexOf(dashed); at >= 0; at = text.indexOf(dashed, at + dashed.length))
    if (at === 0 || text[at - 1] === "\n" || text[at - 1] === "\r") count++;
  return count;
}

const CUT: PartsFault = { fault: "form", reason: "it has no end" };

function afterOf(text: string, delimiter: string): number {
  const at = text.indexOf(delimiter);
  return at < 0 ? -1 : at + delimiter.length;
}

function skipPadding(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at++;
  return at;
}

/** @param from of the part's head; @param end of its content */
function partOf(whole: Uint8Array, text: string, from: number, end: number): FormPart | PartsFault {
  const headEnd = text.indexOf("\r\n\r\n", from);
  if (headEnd < 0 || headEnd > end) return { fault: "form", reason: "a part has no head" };
  if (headEnd - from > bounds.partHeadBytesMax) return { fault: "bounds", reason: "the head of a part is too long" };
  const head = utf8Text(whole.subarray(from, headEnd));
  if (head === undefined) return { fault: "form", reason: "the head of a part is not UTF-8" };
  const fields = head.split("\r\n");
  if (!fields.every((field) => FIELD.test(field)) || SINGLE.some((name) => fieldsOf(fields, name).length > 1))
    return { fault: "form", reason: "the head of a part can be read in several ways" };
  const [disposition = "", stated, encoding = "binary"] = SINGLE.map((name) => fieldsOf(fields, name)[0]);
  const named = /^form-data[ \t]*;/i.test(disposition)
    ? parametersOf(disposition, disposition.indexOf(";"))
    : undefined;
  const name = named?.get("name");
  if (named === undefined || name === undefined || named.has("name*") || name.includes("\\"))
    return { fault: "form", reason: "a part has no name" };
  const type = stated === undefined ? undefined : parseMediaType(stated);
  if (stated !== undefined && type === undefined) return { fault: "form", reason: "the type of a part is none" };
  const isFile = named.has("filename") || named.has("filename*");
  if (!PLAIN_ENCODING.test(encoding) || !(isFile || PLAIN_CHARSET.test(type?.charset ?? "utf-8")))
    return { fault: "form", reason: "a part is encoded" };
  const content = whole.subarray(headEnd + 4, end);
  // As the HTML standard escapes names.
  return { name: name.replaceAll("%22", '"'), type: type?.type, isFile, content };
}

/** Fields that readers take different ones of where there are several. */
const SINGLE = ["content-disposition", "content-type", "content-transfer-encoding"];

const fieldsOf = (fields: readonly string[], name: string): string[] =>
  fields
    .filter((one) => one.slice(0, name.length + 1).toLowerCase() === `${name}:`)
    .map((one) => one.slice(name.length + 1).trim());
