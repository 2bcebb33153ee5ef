/** `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read within bounds. */
import { limits } from "../limits.ts";
import { parseMediaType } from "./media-type.ts";

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

const bounds = limits.validation;
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/;
const NAME = /;[ \t]*name="((?:[^"\\]|\\.)*)"/i;
const FILE = /;[ \t]*filename\*?=/i;

/** @param boundary of the content's type */
export function readParts(content: Uint8Array, boundary: string | undefined): ReadParts {
  if (boundary === undefined || boundary.length > bounds.boundaryCharsMax || !BOUNDARY.test(boundary))
    return { fault: "form", reason: "its type names no boundary" };
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
  return at < 0 ? CUT : { parts };
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
  const head = textOf(whole.subarray(from, headEnd));
  if (head === undefined) return { fault: "form", reason: "the head of a part is not UTF-8" };
  const fields = head.split("\r\n");
  const disposition = fieldOf(fields, "content-disposition") ?? "";
  const [, name] = NAME.exec(disposition) ?? [];
  if (name === undefined || !/^form-data[ \t]*;/i.test(disposition))
    return { fault: "form", reason: "a part has no name" };
  const stated = fieldOf(fields, "content-type");
  const type = stated === undefined ? undefined : parseMediaType(stated);
  if (stated !== undefined && type === undefined) return { fault: "form", reason: "the type of a part is none" };
  const content = whole.subarray(headEnd + 4, end);
  // As the HTML standard escapes names, and as older senders do.
  const named = name.replace(/\\(["\\])/g, "$1").replaceAll("%22", '"');
  return { name: named, type: type?.type, isFile: FILE.test(disposition), content };
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  const field = fields.find((one) => one.slice(0, name.length + 1).toLowerCase() === `${name}:`);
  return field?.slice(name.length + 1).trim();
}

/** @returns undefined when they are no UTF-8; a byte order mark is left out */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return undefined;
  }
}
