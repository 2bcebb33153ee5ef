/** JSON (RFC 8259) whose integers stay what was written, and whose depth is bounded. */
import { endOfJsonString } from "./json-string.ts";
import { exactNumber, parseNumbers, rawNumber } from "./raw-number.ts";

/** Integers of 16 digits and more may be none that a double holds, and exponents may be out of its range. */
const MAY_BE_INEXACT = /\d{16}|\d[eE]\+?\d{3}/;

/**
 * A value of JSON. An integer that a double cannot hold is kept as it was written, and written so again by `JSON.stringify`.
 * @throws SyntaxError when the text is no JSON, RangeError when it is nested deeper
 */
export function parseWholeNumbers(text: string, depthMax: number): unknown {
  if (text.length > 2 * depthMax && isDeeper(text, depthMax))
    throw new RangeError(`JSON is nested deeper than ${depthMax} levels`);
  return MAY_BE_INEXACT.test(text) ? parseNumbers(text, keepExact) : JSON.parse(text);
}

/** A text, number or truth value as text; undefined for every other value. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : exactNumber(value);
}

function keepExact(value: number, source: string): unknown {
  if (Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) && !/^-?\d+$/.test(source) ? value : rawNumber(source);
}

function isDeeper(text: string, depthMax: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfJsonString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (++depth > depthMax) return true;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
