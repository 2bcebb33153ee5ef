/** JSON (RFC 8259) whose integers stay what was written, and whose depth is bounded. */

/** What the platforms have and TypeScript's library does not: the source of a number, and a number written as given. */
const json = JSON as typeof JSON & {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
};

/** Integers of 16 digits and more may be none that a double holds, and exponents may be out of its range. */
const MAY_BE_INEXACT = /\d{16}|\d[eE]\+?\d{3}/;

/**
 * A value of JSON. An integer that a double cannot hold is kept as it was written, and written so again by `JSON.stringify`.
 * @throws SyntaxError when the text is no JSON, RangeError when it is nested deeper
 */
export function parseExactJson(text: string, depthMax: number): unknown {
  if (text.length > 2 * depthMax && isDeeper(text, depthMax))
    throw new RangeError(`JSON is nested deeper than ${depthMax} levels`);
  return MAY_BE_INEXACT.test(text) ? json.parse(text, keepExact) : JSON.parse(text);
}

/** The digits of a number that was kept as it was written; undefined for every other value. */
export function exactNumber(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined;
}

/** A text, number or truth value as text; undefined for every other value. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : exactNumber(value);
}

function keepExact(_: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) && !/^-?\d+$/.test(source) ? value : json.rawJSON(source);
}

function isDeeper(text: string, depthMax: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (++depth > depthMax) return true;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
  }
  return false;
}

function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
