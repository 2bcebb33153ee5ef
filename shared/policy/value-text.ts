/** What values of JSON are as text in header fields and queries. */
import { scalarText } from "../http/whole-numbers.ts";

/**
 * A text, number or truth value; of a list its members, separated by spaces. Undefined for everything else. Whatever could end a
 * field, or be read as two of its members, is percent-encoded.
 */
export function encodedText(value: unknown): string | undefined {
  return textOf(value, encodedScalar);
}

/** The same, as it is. */
export function plainText(value: unknown): string | undefined {
  return textOf(value, plainScalar);
}

/** Whether a text can be the value of a field as it is (RFC 9110 section 5.5; ASCII alone). */
export function isFieldValue(text: string): boolean {
  return /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/.test(text);
}

/** A text with every character that no field may hold percent-encoded, as UTF-8, and without white space around it. */
export function asFieldValue(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\x20-\x7e]+/gu, encodeURIComponent)
    .replace(/^[\t ]+|[\t ]+$/g, "");
}

function textOf(value: unknown, scalar: (value: unknown) => string | undefined): string | undefined {
  if (!Array.isArray(value)) return scalar(value);
  const members = value.map(scalar);
  if (members.length === 0 || members.includes(undefined)) return undefined;
  return members.filter((member) => member !== "").join(" ");
}

/**
 * Every character but visible ASCII, and those that separate values in fields (space `"` `,` `;`) and `%`, is percent-encoded
 * as UTF-8: a value can neither end its field nor become two, and decoding gives exactly what was said.
 */
function encodedScalar(value: unknown): string | undefined {
  return plainScalar(value)?.replace(/[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x7e]+/gu, encodeURIComponent);
}

function plainScalar(value: unknown): string | undefined {
  if (typeof value === "bigint") return String(value);
  return typeof value === "string" && !value.isWellFormed() ? undefined : scalarText(value);
}
