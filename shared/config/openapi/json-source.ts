/**
 * A file of JSON, read several times as fast as YAML reads it; where something stands in it is looked up when somebody asks. What
 * readers could understand differently is a problem: a name that occurs twice (RFC 8259 section 4).
 */
import { endOfJsonString } from "../../http/json-string.ts";
import { parseWholeNumbers } from "../../http/whole-numbers.ts";
import { limits } from "../../limits.ts";
import { LineTable } from "../line-table.ts";
import { type DocumentProblem, error, type Path } from "../problem.ts";
import type { Position } from "../read-file.ts";

export class JsonSource {
  readonly value: unknown;
  readonly problems: readonly DocumentProblem[];
  readonly #name: string;
  readonly #text: string;
  #lines: LineTable | undefined;

  /** @throws SyntaxError for what is no JSON */
  constructor(name: string, text: string) {
    this.#name = name;
    this.#text = text;
    const faults = inspect(text);
    const isTooLarge = faults.some(({ code }) => code === "SLV1003");
    this.value = isTooLarge ? undefined : parseWholeNumbers(text, limits.openapi.depthMax);
    this.problems = faults.map(({ code, message, offset }) => ({
      ...error(code, [], message, { at: "key" }),
      ...this.#position(offset, offset + 1),
    }));
  }

  /** The nearest enclosing place when the path itself is not in the text. */
  find(path: Path, at: "key" | "value" = "value"): Position {
    const { start, end } = locate(this.#text, path, at);
    return this.#position(start, end);
  }

  #position(start: number, end: number): Position {
    this.#lines ??= new LineTable(this.#text);
    const newline = this.#text.indexOf("\n", start);
    const lineEnd = newline < 0 ? this.#text.length : newline;
    return { ...this.#lines.at(start), length: Math.max(1, Math.min(end, lineEnd) - start), file: this.#name };
  }
}

interface Fault {
  readonly code: "SLV1002" | "SLV1003" | "SLV2004";
  readonly message: string;
  readonly offset: number;
}

const [QUOTE, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_MAPPING, CLOSE_MAPPING] = [0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d];

/** What is no JSON at all is found by who parses it. */
function inspect(text: string): Fault[] {
  const { depthMax, nodesMax } = limits.openapi;
  const faults: Fault[] = [];
  /** Names seen in each open mapping; undefined stands for an open list. */
  const open: (Set<string> | undefined)[] = [];
  let atName = false;
  let nodes = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfJsonString(text, at);
      if (atName) faults.push(...inspectName(text.slice(at, end + 1), at, open.at(-1)));
      atName = false;
      at = end;
    } else if (code === OPEN_MAPPING || code === OPEN_LIST) {
      if (open.length >= depthMax) return [tooLarge(`it is nested deeper than ${depthMax} levels`, at)];
      nodes++;
      atName = code === OPEN_MAPPING;
      open.push(atName ? new Set() : undefined);
    } else if (code === CLOSE_MAPPING || code === CLOSE_LIST) {
      open.pop();
      atName = false;
    } else if (code === COMMA) {
      nodes++;
      atName = open.at(-1) !== undefined;
    }
    if (nodes > nodesMax) return [tooLarge(`it has more than ${nodesMax} values`, at)];
  }
  return faults;
}

const tooLarge = (message: string, offset: number): Fault => ({ code: "SLV1003", message, offset });

function inspectName(literal: string, offset: number, names: Set<string> | undefined): Fault[] {
  const name = literal.includes("\\") ? unescaped(literal) : literal.slice(1, -1);
  if (names === undefined) return [];
  if (name === "__proto__") return [{ code: "SLV2004", message: '"__proto__" cannot be used as a key', offset }];
  if (names.has(name)) return [{ code: "SLV1002", message: `the key ${literal} occurs twice`, offset }];
  names.add(name);
  return [];
}

function unescaped(literal: string): string {
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** @param text JSON, whose form was proven by parsing it */
function locate(text: string, path: Path, at: "key" | "value"): Span {
  let start = skipSpace(text, 0);
  let key: Span | undefined;
  for (const step of path) {
    const found = text.charCodeAt(start) === OPEN_MAPPING ? member(text, start, step) : item(text, start, step);
    if (found === undefined) return key ?? { start, end: start + 1 };
    key = found.key;
    start = found.start;
  }
  return at === "key" && key !== undefined ? key : { start, end: endOfValue(text, start) };
}

interface Child {
  /** Where the value begins. */
  readonly start: number;
  readonly key?: Span;
}

function member(text: string, mapping: number, name: string | number): Child | undefined {
  for (let at = skipSpace(text, mapping + 1); text.charCodeAt(at) === QUOTE; ) {
    const end = endOfJsonString(text, at) + 1;
    const key = { start: at, end };
    const start = skipSpace(text, skipSpace(text, end) + 1);
    if (unescaped(text.slice(at, end)) === String(name)) return { start, key };
    at = skipSpace(text, skipSpace(text, endOfValue(text, start)) + 1);
  }
  return undefined;
}

function item(text: string, list: number, index: string | number): Child | undefined {
  if (text.charCodeAt(list) !== OPEN_LIST) return undefined;
  let start = skipSpace(text, list + 1);
  for (let at = 0; text.charCodeAt(start) !== CLOSE_LIST && start < text.length; at++) {
    if (at === Number(index)) return { start };
    const end = skipSpace(text, endOfValue(text, start));
    if (text.charCodeAt(end) !== COMMA) return undefined;
    start = skipSpace(text, end + 1);
  }
  return undefined;
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfJsonString(text, at);
    else if (code === OPEN_MAPPING || code === OPEN_LIST) depth++;
    else if (code === CLOSE_MAPPING || code === CLOSE_LIST) {
      if (depth === 0) return at;
      depth--;
    } else if (depth === 0 && (code === COMMA || code <= 0x20)) return at;
    else continue;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}
