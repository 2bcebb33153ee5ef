/** Distinguished names as text (RFC 4514): written from certificates, read from documents, compared in one form. */
import { exactUtf8Text } from "../http/utf8-text.ts";
import { limits } from "../limits.ts";
import { DerError, DerReader, readOid, tags } from "./der.ts";

interface Attribute {
  /** Short name or dotted number. */
  readonly type: string;
  /** Text, or the whole value in DER where that is no text. */
  readonly value: string | Uint8Array;
}

/** Relative names in the order of the certificate, each of one or more attributes. */
export type Name = readonly (readonly Attribute[])[];

/** Short names: the table of RFC 4514 section 3, and the two beyond it that openssl writes. */
const TYPES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.6": "C",
  "2.5.4.9": "street",
  "0.9.2342.19200300.100.1.25": "DC",
  "0.9.2342.19200300.100.1.1": "UID",
  "1.2.840.113549.1.9.1": "emailAddress",
  "2.5.4.5": "serialNumber",
};
const SHORT = new Map(Object.values(TYPES).map((name) => [name.toLowerCase(), name]));

/** A Name of a certificate. @throws DerError */
export function readName(reader: DerReader): Name {
  const names = reader.sequence();
  const found: Attribute[][] = [];
  let count = 0;
  while (!names.isAtEnd) {
    const set = new DerReader(names.take(tags.set));
    const attributes: Attribute[] = [];
    do {
      if (++count > limits.clientCertificate.attributesMax) throw new DerError("a name of too many attributes");
      attributes.push(readAttribute(set.sequence()));
    } while (!set.isAtEnd);
    found.push(attributes);
  }
  return found;
}

function readAttribute(reader: DerReader): Attribute {
  const oid = readOid(reader.take(tags.oid));
  const { tag, content } = reader.any();
  reader.end();
  return { type: TYPES[oid] ?? oid, value: textOf(tag, content) ?? encode(tag, content) };
}

/** Text of the kinds that RFC 5280 section 4.1.2.4 wants; older kinds have no one reading. */
function textOf(tag: number, content: Uint8Array): string | undefined {
  if (tag === tags.utf8String) return decodeUtf8(content);
  if (tag !== tags.printableString && tag !== tags.ia5String) return undefined;
  let text = "";
  for (const byte of content) {
    if (byte >= 0x80) throw new DerError("a text beyond ASCII");
    text += String.fromCharCode(byte);
  }
  return text;
}

function decodeUtf8(content: Uint8Array): string {
  const text = exactUtf8Text(content);
  if (text === undefined) throw new DerError("a text that is not UTF-8");
  return text;
}

function encode(tag: number, content: Uint8Array): Uint8Array {
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Uint8Array.from([tag, ...length, ...content]);
}

/** The last relative name first, as RFC 4514 section 2.1 wants. */
export function formatName(name: Name): string {
  return name
    .toReversed()
    .map((attributes) => attributes.map(formatAttribute).toSorted().join("+"))
    .join(",");
}

function formatAttribute({ type, value }: Attribute): string {
  if (typeof value !== "string")
    return `${type}=#${[...value].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const escaped = value
    .replace(/["+,;<>\\]/g, "\\$&")
    .replace(/^[ #]| $/g, "\\$&")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must be escaped
    .replace(/[\u0000-\u001f\u007f]/g, (char) => `\\${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  return `${type}=${escaped}`;
}

/**
 * A name that somebody wrote, in the form of `formatName`: white space around separators, the case of short names and the
 * way of escaping do not matter; the order does. Undefined when it is no name.
 */
export function canonicalName(text: string): string | undefined {
  const parts = splitUnescaped(text, ",").map((part) => splitUnescaped(part, "+").map(parseAttribute));
  if (parts.length > limits.clientCertificate.attributesMax) return undefined;
  const name: Attribute[][] = [];
  for (const part of parts) {
    const attributes = part.filter((attribute) => attribute !== undefined);
    if (attributes.length < part.length) return undefined;
    name.push(attributes);
  }
  return formatName(name.toReversed());
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts = [""];
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === separator) parts.push("");
    else parts[parts.length - 1] += char === "\\" ? char + (text[++at] ?? "") : char;
  }
  return parts;
}

function parseAttribute(text: string): Attribute | undefined {
  const [, type = "", raw = ""] = /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *(.*)$/s.exec(text) ?? [];
  if (type === "") return undefined;
  const name = /^\d/.test(type) ? (TYPES[type] ?? type) : SHORT.get(type.toLowerCase());
  // A space at the end counts when it is escaped.
  const trimmed = raw.replace(/ +$/, "");
  const value = /(?:^|[^\\])(?:\\\\)*\\$/.test(trimmed) && raw !== trimmed ? `${trimmed} ` : trimmed;
  if (name === undefined || value === "") return undefined;
  const octets = /^#((?:[0-9A-Fa-f]{2})+)$/.exec(value)?.[1];
  if (octets !== undefined)
    return { type: name, value: Uint8Array.from(octets.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)) };
  const plain = unescaped(value);
  return plain === undefined ? undefined : { type: name, value: plain };
}

/** `\,` and `\2C`, the latter as bytes of UTF-8. */
function unescaped(value: string): string | undefined {
  try {
    let encoded = "";
    for (const [piece] of value.matchAll(/\\[0-9A-Fa-f]{2}|\\?[^\\]|\\\\|\\$/gsu)) {
      if (piece === "\\") return undefined;
      const isHex = /^\\[0-9A-Fa-f]{2}$/.test(piece);
      const plain = piece.length > 1 && piece.startsWith("\\") ? piece.slice(1) : piece;
      encoded += isHex ? `%${plain}` : encodeURIComponent(plain);
    }
    return decodeURIComponent(encoded);
  } catch {
    // Bytes that are not UTF-8, or half a character.
    return undefined;
  }
}

/** The one common name of a subject; undefined where there is none or several. */
export function commonName(name: Name): string | undefined {
  const values = name.flat().filter(({ type }) => type === "CN");
  const [first] = values;
  return values.length === 1 && typeof first?.value === "string" ? first.value : undefined;
}
