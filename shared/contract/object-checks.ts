/** What JSON Schema 2020-12 (Core, sections 10.2.2.4, 10.3.2 and 11.3; Validation, section 6.5) asks of objects. */

import { escapeKey } from "../http/json-pointer.ts";
import {
  type Check,
  type Evaluation,
  fail,
  isFull,
  type JsonObject,
  type SchemaNode,
  spend,
  test,
  testMember,
  testQuietly,
} from "./evaluation.ts";
import type { Linker } from "./linker.ts";
import type { RegexMaker } from "./regex-maker.ts";
import { count } from "./scalar-checks.ts";
import type { CompiledObject, CompiledSchema } from "./schema-types.ts";

type ObjectCheck = Check<JsonObject>;

export function objectChecks(schema: CompiledObject, at: string, link: Linker, regexes: RegexMaker): ObjectCheck[] {
  const checks: ObjectCheck[] = [];
  const { minProperties, maxProperties, propertyNames } = schema;
  if (minProperties !== undefined) {
    const message = `must have at least ${count(minProperties, "property")}`;
    checks.push(
      (value, run) => sizeOf(value) >= minProperties || fail(run, `${at}/minProperties`, "minProperties", message),
    );
  }
  if (maxProperties !== undefined) {
    const message = `must have at most ${count(maxProperties, "property")}`;
    checks.push(
      (value, run) => sizeOf(value) <= maxProperties || fail(run, `${at}/maxProperties`, "maxProperties", message),
    );
  }
  checks.push(...requiredChecks(schema, at));
  if (propertyNames !== undefined) checks.push(namesCheck(link(propertyNames, `${at}/propertyNames`), at));
  checks.push(...memberChecks(schema, at, link, regexes), ...dependencyChecks(schema, at, link));
  return checks;
}

/** `unevaluatedProperties`, to be asked after everything else. */
export function unevaluatedProperties(schema: CompiledSchema, at: string, link: Linker): Check {
  const node = link(schema, `${at}/unevaluatedProperties`);
  const forbidden = schema === false;
  return (value, run, seen) => {
    if (seen === undefined || !isObject(value)) return true;
    let valid = true;
    for (const name of Object.keys(value)) {
      if (seen.names.has(name)) continue;
      seen.names.add(name);
      if (forbidden ? failMember(run, name, at, "unevaluatedProperties") : testMember(node, value[name], name, run))
        continue;
      if (isFull(run)) return false;
      valid = false;
    }
    return valid;
  };
}

const sizeOf = (value: JsonObject): number => Object.keys(value).length;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function requiredChecks({ required, requiredRead, requiredWrite }: CompiledObject, at: string): ObjectCheck[] {
  const check = (names: readonly string[] | undefined, except: Evaluation["direction"]): ObjectCheck[] =>
    (names ?? []).map((name) => {
      const message = `must have the property ${JSON.stringify(name)}`;
      return (value, run) =>
        Object.hasOwn(value, name) ||
        (except !== undefined && run.direction === except) ||
        fail(run, `${at}/required`, "required", message);
    });
  return [...check(required, undefined), ...check(requiredRead, "request"), ...check(requiredWrite, "response")];
}

function namesCheck(node: SchemaNode, at: string): ObjectCheck {
  return (value, run) => {
    let valid = true;
    for (const name of Object.keys(value)) {
      if (testQuietly(node, name, run)) continue;
      failMember(run, name, at, "propertyNames", "must have another name: this one is not allowed");
      if (isFull(run)) return false;
      valid = false;
    }
    return valid;
  };
}

/** `properties`, `patternProperties` and `additionalProperties` in one pass. */
function memberChecks(schema: CompiledObject, at: string, link: Linker, regexes: RegexMaker): ObjectCheck[] {
  const { properties, patternProperties, additionalProperties: others } = schema;
  if (properties === undefined && patternProperties === undefined && others === undefined) return [];
  const named = new Map(linkAll(properties, `${at}/properties`, link));
  const patterned = linkAll(patternProperties, `${at}/patternProperties`, link).map(
    ([source, node]) => [regexes(source), node] as const,
  );
  const other = others === undefined ? undefined : link(others, `${at}/additionalProperties`);
  return [
    (value, run, seen) => {
      const names = Object.keys(value);
      spend(run, names.length);
      let valid = true;
      for (const name of names) {
        const own = named.get(name);
        let known = own !== undefined;
        let fits = own === undefined || testMember(own, value[name], name, run);
        for (const [matches, node] of patterned) {
          if (!matches(name, run)) continue;
          known = true;
          fits = testMember(node, value[name], name, run) && fits;
        }
        if (!known && other !== undefined) {
          known = true;
          fits =
            others === false
              ? failMember(run, name, at, "additionalProperties")
              : testMember(other, value[name], name, run);
        }
        if (known) seen?.names.add(name);
        if (fits) continue;
        if (isFull(run)) return false;
        valid = false;
      }
      return valid;
    },
  ];
}

function dependencyChecks(schema: CompiledObject, at: string, link: Linker): ObjectCheck[] {
  const checks: ObjectCheck[] = [];
  const needs = (keyword: string, name: string, names: readonly string[]): void => {
    for (const other of names) {
      const message = `must have the property ${JSON.stringify(other)} since it has ${JSON.stringify(name)}`;
      checks.push(
        (value, run) =>
          !Object.hasOwn(value, name) ||
          Object.hasOwn(value, other) ||
          fail(run, `${at}/${keyword}/${escapeKey(name)}`, keyword, message),
      );
    }
  };
  const applies = (keyword: string, name: string, dependent: CompiledSchema): void => {
    const node = link(dependent, `${at}/${keyword}/${escapeKey(name)}`);
    checks.push((value, run, seen) => !Object.hasOwn(value, name) || test(node, value, run, seen));
  };
  for (const [name, names] of Object.entries(schema.dependentRequired ?? {})) needs("dependentRequired", name, names);
  for (const [name, one] of Object.entries(schema.dependentSchemas ?? {})) applies("dependentSchemas", name, one);
  for (const [name, one] of Object.entries(schema.dependencies ?? {}))
    if (isNames(one)) needs("dependencies", name, one);
    else applies("dependencies", name, one);
  return checks;
}

const isNames = (dependency: CompiledSchema | readonly string[]): dependency is readonly string[] =>
  Array.isArray(dependency);

const linkAll = (
  schemas: Readonly<Record<string, CompiledSchema>> | undefined,
  at: string,
  link: Linker,
): (readonly [string, SchemaNode])[] =>
  Object.entries(schemas ?? {}).map(([name, schema]) => [name, link(schema, `${at}/${escapeKey(name)}`)]);

/** A violation of the object, told at the member that it is about. */
function failMember(
  run: Evaluation,
  name: string,
  at: string,
  keyword: string,
  message = "is not allowed here",
): false {
  run.path.push(name);
  fail(run, `${at}/${keyword}`, keyword, message);
  run.path.pop();
  return false;
}
