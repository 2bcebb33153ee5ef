/** What JSON Schema 2020-12 (Validation, sections 6.1 to 6.3 and 7) asks of one value by itself. */

import { compareNumbers, multiplesOf } from "./decimal.ts";
import { type Check, type Evaluation, fail, spend } from "./evaluation.ts";
import { findFormat } from "./formats.ts";
import { jsonKey } from "./json-key.ts";
import type { RegexMaker } from "./regex-maker.ts";
import type { CompiledObject } from "./schema-types.ts";

export function valueChecks(schema: CompiledObject, at: string): Check[] {
  const checks: Check[] = [];
  if (schema.enum !== undefined) checks.push(oneOfValues(schema.enum, `${at}/enum`, "enum"));
  if (schema.const !== undefined) checks.push(oneOfValues([schema.const], `${at}/const`, "const"));
  return checks;
}

export function numberChecks(schema: CompiledObject, at: string): Check[] {
  const checks: Check[] = [];
  const bound = (keyword: keyof CompiledObject, words: string, holds: (order: number) => boolean): void => {
    const limit = schema[keyword];
    if (limit === undefined) return;
    const message = `must be ${words} ${numberText(limit)}`;
    checks.push((value, run) => holds(compareNumbers(value, limit)) || fail(run, `${at}/${keyword}`, keyword, message));
  };
  bound("minimum", "at least", (order) => order >= 0);
  bound("exclusiveMinimum", "more than", (order) => order > 0);
  bound("maximum", "at most", (order) => order <= 0);
  bound("exclusiveMaximum", "less than", (order) => order < 0);
  const { multipleOf, format } = schema;
  if (multipleOf !== undefined) {
    const message = `must be a multiple of ${numberText(multipleOf)}`;
    const isMultiple = multiplesOf(multipleOf);
    checks.push((value, run) => isMultiple(value) || fail(run, `${at}/multipleOf`, "multipleOf", message));
  }
  if (format !== undefined) checks.push(...formatCheck<unknown>(findFormat(format)?.number, format, at));
  return checks;
}

export function textChecks(schema: CompiledObject, at: string, regexes: RegexMaker): Check<string>[] {
  const checks: Check<string>[] = [];
  const { minLength, maxLength, pattern, format } = schema;
  if (minLength !== undefined && minLength > 0) {
    const message = minLength === 1 ? "must not be empty" : `must have at least ${count(minLength, "character")}`;
    checks.push((text, run) => hasLength(text, minLength, run) || fail(run, `${at}/minLength`, "minLength", message));
  }
  if (maxLength !== undefined) {
    const message = `must have at most ${count(maxLength, "character")}`;
    checks.push(
      (text, run) => !hasLength(text, maxLength + 1, run) || fail(run, `${at}/maxLength`, "maxLength", message),
    );
  }
  if (pattern !== undefined) {
    const regex = regexes(pattern);
    const message = `must match the pattern ${pattern}`;
    checks.push((text, run) => regex(text, run) || fail(run, `${at}/pattern`, "pattern", message));
  }
  if (format !== undefined) checks.push(...formatCheck(findFormat(format)?.text, format, at));
  return checks;
}

/** `1 item`, `2 items`, `2 properties` */
export function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

function formatCheck<Value>(
  holds: ((value: Value) => boolean) | undefined,
  format: string,
  at: string,
): Check<Value>[] {
  if (holds === undefined) return [];
  const message = `must be of the format ${format}`;
  return [(value, run) => !run.assertsFormats || holds(value) || fail(run, `${at}/format`, "format", message)];
}

function oneOfValues(values: readonly unknown[], at: string, keyword: "enum" | "const"): Check {
  const scalars = new Set(values.filter(isScalar));
  const others = new Set(values.filter((value) => typeof value !== "string").map((value) => jsonKey(value)));
  const message = keyword === "const" ? `must be ${preview(values[0])}` : `must be one of ${previews(values)}`;
  // A double beyond the safe integers can equal what was kept by its digits.
  const isHeld = (value: unknown): boolean => typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return (value, run) =>
    (isScalar(value) && scalars.has(value)) ||
    ((!isScalar(value) || !isHeld(value)) && others.has(jsonKey(value, run))) ||
    fail(run, at, keyword, message);
}

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null;

const VALUES_SHOWN = 10;
const CHARS_SHOWN = 60;

function previews(values: readonly unknown[]): string {
  const rest = values.length - VALUES_SHOWN;
  const shown = values.slice(0, VALUES_SHOWN).map(preview).join(", ");
  return rest > 0 ? `${shown} and ${count(rest, "other")}` : shown;
}

function preview(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > CHARS_SHOWN ? `${text.slice(0, CHARS_SHOWN).toWellFormed()}…` : text;
}

/** As it is written; numbers of schemas are no secret. */
const numberText = (value: unknown): string => JSON.stringify(value);

/** Whether a text has so many characters, by code points: there are at least half as many as units, and at most as many. */
function hasLength(text: string, least: number, run: Evaluation): boolean {
  if (text.length < least) return false;
  if (text.length >= 2 * least) return true;
  spend(run, Math.ceil(text.length / CHARS_PER_STEP));
  let points = 0;
  for (let at = 0; at < text.length; points++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return points >= least;
}

const CHARS_PER_STEP = 64;
