/** How XML is encoded: by its byte order mark, else by its content type, else by its declaration (RFC 7303 section 3). */
import { Untranslatable } from "./translation.ts";

/**
 * @param contentType of the message
 * @returns the text without its byte order mark
 * @throws Untranslatable where the encoding is none of UTF-8, UTF-16, US-ASCII and ISO-8859-1, or the bytes are not of it
 */
export function decodeXml(bytes: Uint8Array, contentType: string | undefined): string {
  const charset = byMark(bytes) ?? charsetOf(contentType) ?? declared(bytes) ?? "utf-8";
  const decode = DECODERS.get(charset);
  if (decode === undefined) throw new Untranslatable("form", `its encoding ${charset.slice(0, 40)} is not read`);
  const text = decode(bytes);
  if (text === undefined) throw new Untranslatable("form", `it is not ${charset}`);
  return text;
}

function byMark([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

/** The parameter of a content type, in lower case. */
function charsetOf(contentType: string | undefined): string | undefined {
  return /;[ \t]*charset[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))/i
    .exec(contentType ?? "")
    ?.slice(1)
    .find(Boolean)
    ?.toLowerCase();
}

/** Only in ASCII and what contains it does the declaration say anything about itself. */
function declared(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 256));
  return /^<\?xml[^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([^"'>]*)["']/.exec(head)?.[1]?.toLowerCase();
}

type Decode = (bytes: Uint8Array) => string | undefined;

const strict =
  (label: string): Decode =>
  (bytes) => {
    try {
      return new TextDecoder(label, { fatal: true, ignoreBOM: false }).decode(bytes);
    } catch {
      return undefined;
    }
  };

/** One character a byte. The platform's decoder of that name is another one's, of Windows. */
const latin1: Decode = (bytes) => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
};

const ascii: Decode = (bytes) => (bytes.every((byte) => byte < 0x80) ? latin1(bytes) : undefined);

/** `utf-16` without a mark is of an order that nobody has said. */
const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ["utf-8", strict("utf-8")],
  ["utf8", strict("utf-8")],
  ["utf-16le", strict("utf-16le")],
  ["utf-16be", strict("utf-16be")],
  ["us-ascii", ascii],
  ["ascii", ascii],
  ["iso-8859-1", latin1],
  ["latin1", latin1],
]);
