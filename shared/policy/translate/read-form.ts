/** Fields of a form that is translated. Files are refused: a body that is translated is held whole, as text. */
import { isUtf8, parseMediaType } from "../../http/media-type.ts";
import { isBoundary, readParts } from "../../http/multipart.ts";
import { fieldsOf } from "../../http/query-parameters.ts";
import { exactUtf8Text, utf8Text } from "../../http/utf8-text.ts";
import { limits } from "../../limits.ts";
import { type FormField, Untranslatable } from "./translation.ts";

const { fieldsMax } = limits.forms;
const MULTIPART = "multipart/form-data";

/** Whether content of this type is a form that is read. */
export function isFormType(contentType: string | undefined): boolean {
  const media = parseMediaType(contentType);
  if (media === undefined || !isUtf8(media)) return false;
  return media.type === MULTIPART ? isBoundary(media.boundary) : media.type === "application/x-www-form-urlencoded";
}

/**
 * @param contentType that of a form, or undefined for one that is urlencoded
 * @throws Untranslatable
 */
export function readForm(content: Uint8Array, contentType: string | undefined): FormField[] {
  const media = parseMediaType(contentType);
  return media?.type === MULTIPART ? readMultipart(content, media.boundary) : readUrlencoded(content);
}

function readUrlencoded(content: Uint8Array): FormField[] {
  const text = utf8Text(content);
  if (text === undefined) throw new Untranslatable("form", "it is not UTF-8");
  if (text.split("&", fieldsMax + 1).length > fieldsMax)
    throw new Untranslatable("bounds", `it has more than ${fieldsMax} fields`);
  const fields = fieldsOf(text);
  if (fields === undefined) throw new Untranslatable("form", "it has a percent-encoding that is none, or is not UTF-8");
  return fields;
}

function readMultipart(content: Uint8Array, boundary: string | undefined): FormField[] {
  const read = readParts(content, boundary);
  if (read.fault !== undefined) throw new Untranslatable(read.fault, `the multipart form: ${read.reason}`);
  return read.parts.map(({ name, type, isFile, content: part }): FormField => {
    if (isFile) throw wrong("a part that is a file, which is not translated");
    const text = type === undefined || type === "text/plain" ? exactUtf8Text(part) : undefined;
    if (text === undefined) throw wrong("a part that is no text in UTF-8");
    return [name, text];
  });
}

const wrong = (what: string): Untranslatable => new Untranslatable("form", `the multipart form: ${what}`);
