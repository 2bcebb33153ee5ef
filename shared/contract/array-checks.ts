/** What JSON Schema 2020-12 (Core, sections 10.3.1 and 11.2; Validation, section 6.4) asks of arrays. */

import { type Check, fail, isFull, testMember, testQuietly } from "./evaluation.ts";
import { jsonKey } from "./json-key.ts";
import type { Linker } from "./linker.ts";
import { count } from "./scalar-checks.ts";
import type { CompiledObject, CompiledSchema } from "./schema-types.ts";

type ArrayCheck = Check<readonly unknown[]>;

export function arrayChecks(schema: CompiledObject, at: string, link: Linker): ArrayCheck[] {
  const checks: ArrayCheck[] = [];
  const { minItems, maxItems, uniqueItems, contains } = schema;
  if (minItems !== undefined) {
    const message = `must have at least ${count(minItems, "item")}`;
    checks.push((items, run) => items.length >= minItems || fail(run, `${at}/minItems`, "minItems", message));
  }
  if (maxItems !== undefined) {
    const message = `must have at most ${count(maxItems, "item")}`;
    checks.push((items, run) => items.length <= maxItems || fail(run, `${at}/maxItems`, "maxItems", message));
  }
  if (uniqueItems === true) checks.push(unique(`${at}/uniqueItems`));
  checks.push(...itemChecks(schema, at, link));
  if (contains !== undefined) checks.push(containsCheck(schema, contains, at, link));
  return checks;
}

/** `unevaluatedItems`, to be asked after everything else. */
export function unevaluatedItems(schema: CompiledSchema, at: string, link: Linker): Check {
  const node = link(schema, `${at}/unevaluatedItems`);
  return (value, run, seen) => {
    if (!Array.isArray(value) || seen === undefined) return true;
    let valid = true;
    for (let index = seen.items; index < value.length; index++) {
      if (seen.indexes.has(index) || testMember(node, value[index], index, run)) continue;
      if (isFull(run)) return false;
      valid = false;
    }
    seen.items = Math.max(seen.items, value.length);
    return valid;
  };
}

function itemChecks(schema: CompiledObject, at: string, link: Linker): ArrayCheck[] {
  const listed = schema.prefixItems === undefined ? "items" : "prefixItems";
  const first = schema[listed];
  const places = Array.isArray(first) ? first.map((one, index) => link(one, `${at}/${listed}/${index}`)) : [];
  const rest = Array.isArray(schema.items) ? schema.additionalItems : (schema.items as CompiledSchema | undefined);
  const keyword = Array.isArray(schema.items) ? "additionalItems" : "items";
  const others = rest === undefined ? undefined : link(rest, `${at}/${keyword}`);
  if (places.length === 0 && others === undefined) return [];
  return [
    (items, run, seen) => {
      const end = others === undefined ? Math.min(places.length, items.length) : items.length;
      if (seen !== undefined) seen.items = Math.max(seen.items, end);
      let valid = true;
      for (let index = 0; index < end; index++) {
        const node = places[index] ?? others;
        if (node === undefined || testMember(node, items[index], index, run)) continue;
        if (isFull(run)) return false;
        valid = false;
      }
      return valid;
    },
  ];
}

function containsCheck(schema: CompiledObject, contains: CompiledSchema, at: string, link: Linker): ArrayCheck {
  const node = link(contains, `${at}/contains`);
  const { minContains = 1, maxContains = Number.POSITIVE_INFINITY } = schema;
  const lowest = schema.minContains === undefined ? "contains" : "minContains";
  const tooFew = `must have at least ${count(minContains, "item")} of the kind that it has to contain`;
  const tooMany = `must have at most ${count(maxContains, "item")} of the kind that it has to contain`;
  return (items, run, seen) => {
    let matches = 0;
    for (let index = 0; index < items.length; index++) {
      if (!testQuietly(node, items[index], run)) continue;
      matches++;
      seen?.indexes.add(index);
      if (seen === undefined && matches >= minContains && maxContains === Number.POSITIVE_INFINITY) break;
    }
    if (matches < minContains) return fail(run, `${at}/${lowest}`, lowest, tooFew);
    return matches <= maxContains || fail(run, `${at}/maxContains`, "maxContains", tooMany);
  };
}

function unique(at: string): ArrayCheck {
  return (items, run) => {
    const seen = new Set<string>();
    for (const item of items) {
      const key = jsonKey(item, run);
      if (seen.has(key)) return fail(run, at, "uniqueItems", "must not have two equal items");
      seen.add(key);
    }
    return true;
  };
}
