/** Makes compiled schemas ready to be asked: each keyword becomes a function, once. */
import { arrayChecks, unevaluatedItems } from "./array-checks.ts";
import { choiceChecks } from "./choice-checks.ts";
import { type Check, fail, type SchemaNode } from "./evaluation.ts";
import { ANYTHING, kindsOf } from "./kinds.ts";
import type { Linker } from "./linker.ts";
import { objectChecks, unevaluatedProperties } from "./object-checks.ts";
import type { RegexMaker } from "./regex-maker.ts";
import { numberChecks, textChecks, valueChecks } from "./scalar-checks.ts";
import type { CompiledObject, CompiledSchema } from "./schema-types.ts";

/** @param at its name and, after `#`, the JSON pointer to it */
export function linkSchema(schema: CompiledSchema, at: string, regexes: RegexMaker): SchemaNode {
  const link: Linker = (inner, place) => linkSchema(inner, place, regexes);
  if (typeof schema === "boolean") return schema ? node(at, {}) : node(at, { any: [nothing(at)] });
  return node(at, {
    ...(schema.type !== undefined && { kinds: kindsOf(schema.type) }),
    any: [...valueChecks(schema, at), ...choiceChecks(schema, at, link)],
    text: textChecks(schema, at, regexes),
    number: numberChecks(schema, at),
    array: arrayChecks(schema, at, link),
    object: objectChecks(schema, at, link, regexes),
    unevaluated: unevaluatedChecks(schema, at, link),
    dynamicAnchors: schema.dynamicAnchors,
  });
}

const NONE: readonly never[] = [];

function node(at: string, parts: Partial<SchemaNode>): SchemaNode {
  const { kinds = ANYTHING, any = NONE, text = NONE, number = NONE, array = NONE, object = NONE } = parts;
  const { unevaluated = NONE, dynamicAnchors } = parts;
  return { at, kinds, any, text, number, array, object, unevaluated, dynamicAnchors };
}

const nothing =
  (at: string): Check =>
  (_, run) =>
    fail(run, at, "false", "is not allowed here");

function unevaluatedChecks(schema: CompiledObject, at: string, link: Linker): Check[] {
  const checks: Check[] = [];
  if (schema.unevaluatedItems !== undefined) checks.push(unevaluatedItems(schema.unevaluatedItems, at, link));
  if (schema.unevaluatedProperties !== undefined)
    checks.push(unevaluatedProperties(schema.unevaluatedProperties, at, link));
  return checks;
}
