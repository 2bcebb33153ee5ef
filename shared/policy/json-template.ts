/** Fills templates of JSON values: bodies of parts, and what a composed answer looks like. */
import { exactNumber } from "../http/raw-number.ts";
import { scalarText } from "../http/whole-numbers.ts";
import { limits } from "../limits.ts";
import type { JoinKeys, JsonTemplate } from "./aggregate-settings.ts";
import { valueAt } from "./json-value.ts";
import type { TemplateScope } from "./template.ts";

/** What a template cannot be filled with, for operators. */
export class Unfilled extends Error {}

/**
 * The template's value.
 * @param absent what stands for a value that is not there and need not be left out: `fail`, or null
 * @throws Unfilled when a value is not there and has to be, is of the wrong kind, or all of it would be too long
 */
export function fillJson(template: JsonTemplate, scope: TemplateScope, absent: "fail" | "null"): unknown {
  const value = new Filling(absent === "null").fill(template, scope);
  return value === OMITTED ? undefined : value;
}

const OMITTED = Symbol("omitted");

class Filling {
  readonly #isLenient: boolean;
  #charsLeft: number = limits.aggregate.filledCharsMax;

  constructor(isLenient: boolean) {
    this.#isLenient = isLenient;
  }

  fill(template: JsonTemplate, scope: TemplateScope): unknown {
    if ("constant" in template) return this.#count(template.constant);
    if ("at" in template) {
      const value = valueAt(scope, template.at);
      if (value !== undefined) return this.#count(value);
      return template.omit === true ? OMITTED : this.#absent(template.at);
    }
    if ("text" in template) return this.#text(template.text, scope);
    if ("members" in template) return this.#members(template.members, scope);
    if ("items" in template) return this.#items(template.items, scope);
    if ("merge" in template) return this.#merge(template.merge, scope);
    if ("flatten" in template) return this.#flatten(template.flatten, scope);
    return "each" in template ? this.#each(template, scope) : this.#join(template, scope);
  }

  #absent(path: readonly string[]): null {
    if (this.#isLenient) return null;
    throw new Unfilled(`${path.join(".")} is missing`);
  }

  #text(pieces: Extract<JsonTemplate, { text: unknown }>["text"], scope: TemplateScope): unknown {
    let text = "";
    for (const piece of pieces) {
      const found = typeof piece === "string" ? piece : scalarText(valueAt(scope, piece));
      if (found !== undefined) text += found;
      else if (this.#isLenient) return null;
      else throw new Unfilled(`${(piece as readonly string[]).join(".")} is missing or no text`);
    }
    return this.#count(text);
  }

  #members(members: readonly (readonly [string, JsonTemplate])[], scope: TemplateScope): unknown {
    const entries: [string, unknown][] = [];
    for (const [name, template] of members) {
      const value = this.fill(template, scope);
      if (value !== OMITTED) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  }

  #items(templates: readonly JsonTemplate[], scope: TemplateScope): unknown[] {
    return templates.map((template) => this.fill(template, scope)).filter((value) => value !== OMITTED);
  }

  #merge(templates: readonly JsonTemplate[], scope: TemplateScope): unknown {
    const merged = new Map<string, unknown>();
    for (const value of this.#items(templates, scope)) {
      if (value === null && this.#isLenient) continue;
      if (!isObject(value)) throw new Unfilled("$merge needs objects");
      for (const name of Object.keys(value)) merged.set(name, value[name]);
    }
    return Object.fromEntries(merged);
  }

  #list(template: JsonTemplate, scope: TemplateScope, operator: string): unknown[] | null {
    const value = this.fill(template, scope);
    if (Array.isArray(value)) return value;
    if (this.#isLenient && (value === null || value === OMITTED)) return null;
    throw new Unfilled(`${operator} needs a list`);
  }

  #flatten(template: JsonTemplate, scope: TemplateScope): unknown {
    return this.#list(template, scope, "$flatten")?.flat() ?? null;
  }

  #each({ each, as }: Extract<JsonTemplate, { each: unknown }>, scope: TemplateScope): unknown {
    const list = this.#list(each, scope, "$each");
    if (list === null) return null;
    const found = list.map((item, index) => this.fill(as, { ...scope, item, index }));
    return found.filter((value) => value !== OMITTED);
  }

  #join(template: Extract<JsonTemplate, { join: unknown }>, scope: TemplateScope): unknown {
    const left = this.#list(template.join, scope, "$join");
    const right = this.#list(template.with, scope, "$with");
    if (left === null) return null;
    return joinLists(left, right ?? [], template.on, template.as, (value) => this.#count(value));
  }

  /** Values may be named many times: what they come to together has a bound. */
  #count<Value>(value: Value): Value {
    this.#charsLeft -= charsOf(value, this.#charsLeft);
    if (this.#charsLeft < 0) throw new Unfilled(`it is longer than ${limits.aggregate.filledCharsMax} characters`);
    return value;
  }
}

/** Objects of the left list, each with a member more: the first of the right one with its key, or null. */
function joinLists(
  left: readonly unknown[],
  right: readonly unknown[],
  [leftKey, rightKey]: JoinKeys,
  as: string,
  count: (value: unknown) => unknown,
): unknown[] {
  const byKey = new Map<string, unknown>();
  for (const one of right) {
    const key = keyText(valueAt(one, rightKey));
    if (key !== undefined && !byKey.has(key)) byKey.set(key, one);
  }
  return left.map((one) => {
    if (!isObject(one)) return one;
    const key = keyText(valueAt(one, leftKey));
    const found = key === undefined ? null : (byKey.get(key) ?? null);
    return Object.fromEntries([...Object.entries(one).filter(([name]) => name !== as), [as, count(found)]]);
  });
}

/** A number and the same digits as a text are one key: services differ in how they write their ids. */
function keyText(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : scalarText(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && exactNumber(value) === undefined;
}

/** About how long a value is as JSON, counted little further than the bound. */
function charsOf(value: unknown, max: number): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 5;
  let chars = 2;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && chars <= max; at++) chars += 1 + charsOf(value[at], max - chars);
    return chars;
  }
  for (const name of Object.keys(value)) {
    if (chars > max) break;
    chars += name.length + 4 + charsOf((value as Record<string, unknown>)[name], max - chars);
  }
  return chars;
}
