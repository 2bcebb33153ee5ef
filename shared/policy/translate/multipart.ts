/** Fields of `multipart/form-data` (RFC 7578). Files are refused: a body that is translated is held whole, as text. */
import { limits } from "../../limits.ts";
import { type FormField, Untranslatable } from "./translation.ts";

const { fieldsMax, partHeadCharsMax } = limits.translation;

/** @returns the boundary of a content type, as RFC 2046 section 5.1.1 allows it; undefined: there is none */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, token] =
    /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"\\]{1,70})"|([^\s;"(),/:<=>?@[\]\\]{1,70}))[ \t]*(?:;|$)/i.exec(contentType) ??
    [];
  const boundary = quoted ?? token;
  return boundary === undefined || !/^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/.test(boundary)
    ? undefined
    : boundary;
}

/** @throws Untranslatable */
export function readMultipart(text: string, boundary: string): FormField[] {
  const delimiter = `\r\n--${boundary}`;
  const whole = `\r\n${text}`;
  if (!whole.startsWith(delimiter)) throw wrong("it does not begin with its boundary");
  const fields: FormField[] = [];
  for (let at = delimiter.length; ; ) {
    if (whole.startsWith("--", at)) return fields;
    const lineEnd = whole.indexOf("\r\n", at);
    if (lineEnd < 0 || whole.slice(at, lineEnd).trim() !== "") throw wrong("a boundary that is none");
    const end = whole.indexOf(delimiter, lineEnd);
    if (end < 0) throw wrong("it breaks off");
    if (fields.length >= fieldsMax) throw new Untranslatable("bounds", `it has more than ${fieldsMax} parts`);
    fields.push(readPart(whole.slice(lineEnd + 2, end)));
    at = end + delimiter.length;
  }
}

function readPart(part: string): FormField {
  const headEnd = part.startsWith("\r\n") ? 0 : part.indexOf("\r\n\r\n");
  if (headEnd < 0) throw wrong("a part without a head");
  if (headEnd > partHeadCharsMax) throw new Untranslatable("bounds", "the head of a part is too long");
  const fields = part.slice(0, headEnd).split("\r\n");
  const disposition = fieldOf(fields, "content-disposition");
  const [, name, rest] = /^form-data[ \t]*;[ \t]*name="([^"\r\n]*)"(.*)$/i.exec(disposition ?? "") ?? [];
  if (name === undefined) throw wrong("a part without a name");
  if (rest !== "") throw wrong("a part that is a file, which is not translated");
  const type = fieldOf(fields, "content-type")?.toLowerCase().replaceAll(" ", "") ?? "text/plain";
  if (!/^text\/plain(?:;charset="?(?:utf-8|us-ascii)"?)?$/.test(type)) throw wrong("a part that is no text in UTF-8");
  if (fieldOf(fields, "content-transfer-encoding") !== undefined) throw wrong("a part that is encoded");
  return [nameText(name), part.slice(headEnd === 0 ? 2 : headEnd + 4)];
}

/** @throws Untranslatable where it occurs twice */
function fieldOf(fields: readonly string[], name: string): string | undefined {
  const found = fields.filter((field) => field.toLowerCase().startsWith(`${name}:`));
  if (found.length > 1) throw wrong(`a part with ${name} twice`);
  return found[0]?.slice(name.length + 1).trim();
}

/** What browsers escape in names (HTML standard, multipart/form-data encoding algorithm). */
const nameText = (name: string): string =>
  name.replace(/%0D|%0A|%22/gi, (escaped) => String.fromCharCode(Number.parseInt(escaped.slice(1), 16)));

const wrong = (what: string): Untranslatable => new Untranslatable("form", `the multipart form: ${what}`);
