/**
 * JSON whose numbers keep their text: `12345678901234567890` and `1.10` are written as they were read. What two readers could
 * understand differently is refused: a name that occurs twice (RFC 8259 section 4), and what is nested or long beyond bounds.
 */
import { limits } from "../limits.ts";
import { endOfJsonString } from "./json-string.ts";
import { exactNumber, parseNumbers, rawNumber } from "./raw-number.ts";

export interface ExactJson {
  readonly value: unknown;
  /** The same, or what was made of it, with ordinary numbers, for those who compute with them. */
  plain(value: unknown): unknown;
  readonly fault?: never;
}

/** `bounds`: larger than is read; `form`: no JSON, or none that is understood in one way. */
export interface JsonFault {
  readonly fault: "bounds" | "form";
  readonly reason: string;
  /** What was to be made of it is too large, and not it. */
  readonly isOfEdit?: true;
}

export function readExactJson(text: string): ExactJson | JsonFault {
  const found = scan(text);
  if (typeof found === "object") return found;
  try {
    const value: unknown = found ? parseNumbers(text, keepText) : JSON.parse(text);
    return { value, plain: (made) => (found ? JSON.parse(JSON.stringify(made)) : made) };
  } catch {
    return { fault: "form", reason: "it is not JSON" };
  }
}

/** A mapping or list, and no number. */
export function isContainer(value: unknown): value is Record<string | number, unknown> {
  return typeof value === "object" && value !== null && exactNumber(value) === undefined;
}

const keepText = (value: number, source: string): unknown => (isPlain(source) ? value : rawNumber(source));

const isPlain = (source: string): boolean => String(Number(source)) === source;

const NUMBER = /-?\d[\d.eE+-]*/y;

/** @returns whether there are numbers that JavaScript would write differently; or what is wrong */
function scan(text: string): boolean | JsonFault {
  const { depthMax, nodesMax } = limits.reshape;
  /** Names seen in each open mapping; undefined stands for an open list. */
  const open: (Set<string> | undefined)[] = [];
  let atName = false;
  let hasOther = false;
  let nodes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfJsonString(text, at);
      if (!atName) nodes++;
      else if (isRepeated(text.slice(at, end + 1), open.at(-1)))
        return { fault: "form", reason: "a name occurs twice" };
      atName = false;
      at = end;
    } else if (code === OPEN_MAPPING || code === OPEN_LIST) {
      if (open.length >= depthMax) return { fault: "bounds", reason: `it is nested deeper than ${depthMax} levels` };
      nodes++;
      atName = code === OPEN_MAPPING;
      open.push(atName ? new Set() : undefined);
    } else if (code === CLOSE_MAPPING || code === CLOSE_LIST) {
      open.pop();
      atName = false;
    } else if (code === COMMA) atName = open.at(-1) !== undefined;
    else if (code === MINUS || (code >= DIGIT_0 && code <= DIGIT_9)) {
      NUMBER.lastIndex = at;
      const [number = ""] = NUMBER.exec(text) ?? [];
      nodes++;
      hasOther ||= !isPlain(number);
      at += Math.max(0, number.length - 1);
    }
    if (nodes > nodesMax) return { fault: "bounds", reason: `it has more than ${nodesMax} values` };
  }
  return hasOther;
}

const [QUOTE, COMMA, MINUS, DIGIT_0, DIGIT_9] = [0x22, 0x2c, 0x2d, 0x30, 0x39];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAPPING, CLOSE_MAPPING] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What is no string is found by who parses it. */
function isRepeated(literal: string, names: Set<string> | undefined): boolean {
  let name: unknown = literal;
  try {
    if (literal.includes("\\")) name = JSON.parse(literal);
    else name = literal.slice(1, -1);
  } catch {
    return false;
  }
  if (names === undefined || typeof name !== "string") return false;
  const known = names.has(name);
  names.add(name);
  return known;
}
