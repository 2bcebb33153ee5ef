/** Templates of JSON values in a document: `"{user.id}"` is the value, text around it makes it text, `$merge` and its like make one of several. */
import type { HeaderTemplate, JsonTemplate, ValuePath } from "../policy/aggregate-settings.ts";
import type { Template } from "../policy/settings.ts";
import type { Cursor } from "./cursor.ts";
import type { Path } from "./problem.ts";
import { parsePieces } from "./template.ts";

export interface TemplateFault {
  readonly path: Path;
  readonly message: string;
  readonly expected?: string;
}

/** A hole and where it stands. `isPart`: names inside `$each` of `item` and `index` are fine there. */
export interface PlacedHole {
  readonly names: ValuePath;
  readonly path: Path;
  readonly inEach: boolean;
}

export interface ParsedJsonTemplate {
  /** Meaningless when there are faults. */
  readonly template: JsonTemplate;
  readonly holes: readonly PlacedHole[];
  readonly faults: readonly TemplateFault[];
}

/** Names of a hole of an aggregate; `*` stands for every element, a final `?` says that the value may be missing. */
const HOLE = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.(?:[A-Za-z0-9_$@][A-Za-z0-9_$@:-]*|\*))*\??$/;

/** Pieces of a text with such holes. */
export function parseValueText(text: string): { readonly parts: Template; readonly fault?: string } {
  return parsePieces(text, HOLE);
}

/** Reads a template wherever it stands. @param operators whether `$merge` and its like have a meaning */
export function parseJsonTemplate(cursor: Cursor, operators: boolean): ParsedJsonTemplate {
  const reading = new Reading(operators);
  const template = reading.read(cursor, false);
  return { template, holes: reading.holes, faults: reading.faults };
}

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  $merge: [],
  $flatten: [],
  $each: ["$as"],
  $join: ["$with", "$on", "$as"],
};

class Reading {
  readonly holes: PlacedHole[] = [];
  readonly faults: TemplateFault[] = [];
  readonly #operators: boolean;

  constructor(operators: boolean) {
    this.#operators = operators;
  }

  read(cursor: Cursor, inEach: boolean): JsonTemplate {
    const { value } = cursor;
    if (typeof value === "string") return this.#text(value, cursor.path, inEach);
    if (Array.isArray(value)) return { items: cursor.items.map((item) => this.read(item, inEach)) };
    if (typeof value !== "object" || value === null) return { constant: value as number | boolean | null };
    const operator = cursor.keys.find((key) => key.startsWith("$"));
    if (operator !== undefined && this.#operators) return this.#operate(operator, cursor, inEach);
    return { members: cursor.entries.map(([name, member]) => [name, this.read(member, inEach)]) };
  }

  #text(text: string, path: Path, inEach: boolean): JsonTemplate {
    const { parts, fault } = parseValueText(text);
    if (fault !== undefined) this.faults.push({ path, message: `${JSON.stringify(text)} is not a template: ${fault}` });
    const names = parts.filter((piece) => typeof piece !== "string");
    for (const one of names) this.holes.push({ names: withoutMark(one), path, inEach });
    const [first] = parts;
    if (parts.length === 1 && typeof first === "object")
      return { at: withoutMark(first), ...(isMarked(first) && { omit: true as const }) };
    if (names.length === 0) return { constant: text };
    if (names.some(isMarked))
      this.faults.push({ path, message: `${JSON.stringify(text)}: only a value that stands alone can be left out` });
    return { text: parts };
  }

  #operate(operator: string, cursor: Cursor, inEach: boolean): JsonTemplate {
    const needed = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    const first = needed === undefined ? undefined : [operator, ...needed];
    if (first === undefined || !sameNames(first, cursor.keys)) return this.#badOperator(cursor);
    const at = (key: string): Cursor => cursor.get(key);
    if (operator === "$merge") {
      const list = at("$merge");
      if (!Array.isArray(list.value)) return this.#refuse(list.path, "`$merge` takes a list of templates");
      return { merge: list.items.map((item) => this.read(item, inEach)) };
    }
    if (operator === "$flatten") return { flatten: this.read(at("$flatten"), inEach) };
    if (operator === "$each") return { each: this.read(at("$each"), inEach), as: this.read(at("$as"), true) };
    return this.#join(cursor, inEach);
  }

  #join(cursor: Cursor, inEach: boolean): JsonTemplate {
    const [on, as] = [cursor.get("$on"), cursor.get("$as")];
    const keys = on.items.map(({ text }) => (text === undefined || !HOLE.test(text) ? undefined : text.split(".")));
    const [left, right = left] = keys;
    if (!Array.isArray(on.value) || keys.length > 2 || left === undefined || right === undefined)
      return this.#refuse(on.path, "`$on` takes the key's name in both lists, or one for each", "[productId, id]");
    if (as.text === undefined || as.text === "__proto__")
      return this.#refuse(as.path, "`$as` takes the name of a member");
    const [join, other] = [this.read(cursor.get("$join"), inEach), this.read(cursor.get("$with"), inEach)];
    return { join, with: other, on: [left, right], as: as.text };
  }

  #badOperator(cursor: Cursor): JsonTemplate {
    const forms = Object.entries(OPERATORS).map(([name, more]) => [name, ...more].join(" with "));
    return this.#refuse(
      cursor.path,
      `${cursor.keys.join(", ")} is none of the ways to make one value`,
      forms.join(", or "),
    );
  }

  #refuse(path: Path, message: string, expected?: string): JsonTemplate {
    this.faults.push({ path, message, ...(expected !== undefined && { expected }) });
    return { constant: null };
  }
}

const SECRET = /\$\{secret:([A-Za-z0-9_]+)\}/;

export interface ParsedHeader {
  readonly value: HeaderTemplate;
  readonly omit: boolean;
  readonly holes: readonly ValuePath[];
  readonly fault?: string;
}

/** A header's value: text, holes and references to secrets. */
export function parseHeaderText(text: string): ParsedHeader {
  const value: (string | ValuePath | { secret: string })[] = [];
  const holes: ValuePath[] = [];
  let omit = false;
  const chunks = text.split(SECRET);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at] ?? "";
    if (at % 2 === 1) {
      value.push({ secret: chunk });
      continue;
    }
    const { parts, fault } = parseValueText(chunk);
    if (fault !== undefined) return { value, omit, holes, fault };
    for (const piece of parts) {
      omit ||= typeof piece !== "string" && isMarked(piece);
      const plain = typeof piece === "string" ? piece : withoutMark(piece);
      value.push(plain);
      if (typeof plain !== "string") holes.push(plain);
    }
  }
  return { value, omit, holes };
}

const isMarked = (names: ValuePath): boolean => names.at(-1)?.endsWith("?") === true;

function withoutMark(names: ValuePath): ValuePath {
  return isMarked(names) ? names.join(".").slice(0, -1).split(".") : names;
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name) => others.includes(name));
}
