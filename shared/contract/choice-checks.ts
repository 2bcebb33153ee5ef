/** Schemas that apply at the same place (JSON Schema 2020-12, Core, sections 8.2.3 and 10.2). */

import { tellClosest } from "./closest-branch.ts";
import { type Check, type Evaluation, fail, isFull, type SchemaNode, Seen, test, testQuietly } from "./evaluation.ts";
import type { Linker } from "./linker.ts";
import type { CompiledObject, CompiledSchema } from "./schema-types.ts";

export function choiceChecks(schema: CompiledObject, at: string, link: Linker): Check[] {
  const checks: Check[] = [];
  const { $ref, $dynamicRef, allOf, anyOf, oneOf, not } = schema;
  if ($ref !== undefined) checks.push((value, run, seen) => test(run.schema($ref), value, run, seen));
  if ($dynamicRef !== undefined)
    checks.push((value, run, seen) => test(run.schema(findAnchor($dynamicRef, run)), value, run, seen));
  if (allOf !== undefined) checks.push(everyCheck(linkList(allOf, `${at}/allOf`, link)));
  const discriminator = schema.discriminator;
  if (anyOf !== undefined) {
    const nodes = linkList(anyOf, `${at}/anyOf`, link);
    checks.push(
      anyCheck(nodes, (value, run) => tellClosest(value, run, { nodes, at, keyword: "anyOf", discriminator })),
    );
  }
  if (oneOf !== undefined) {
    const nodes = linkList(oneOf, `${at}/oneOf`, link);
    checks.push(
      oneCheck(nodes, at, (value, run) => tellClosest(value, run, { nodes, at, keyword: "oneOf", discriminator })),
    );
  }
  if (not !== undefined) checks.push(notCheck(link(not, `${at}/not`), at));
  checks.push(...conditionChecks(schema, at, link));
  return checks;
}

/** Collects what a branch has seen, to be kept if the branch holds. */
const branchOf = (seen: Seen | undefined): Seen | undefined => (seen === undefined ? undefined : new Seen());

const keep = (seen: Seen | undefined, branch: Seen | undefined): void => {
  if (branch !== undefined) seen?.add(branch);
};

const linkList = (schemas: readonly CompiledSchema[], at: string, link: Linker): SchemaNode[] =>
  schemas.map((schema, index) => link(schema, `${at}/${index}`));

function findAnchor(reference: NonNullable<CompiledObject["$dynamicRef"]>, run: Evaluation): string {
  for (const anchors of run.resources) {
    const name = Object.hasOwn(anchors, reference.anchor) ? anchors[reference.anchor] : undefined;
    if (name !== undefined) return name;
  }
  return reference.schema;
}

function everyCheck(nodes: readonly SchemaNode[]): Check {
  return (value, run, seen) => {
    let valid = true;
    for (const node of nodes) {
      if (test(node, value, run, seen)) continue;
      if (isFull(run)) return false;
      valid = false;
    }
    return valid;
  };
}

type Tell = (value: unknown, run: Evaluation) => false;

function anyCheck(nodes: readonly SchemaNode[], tell: Tell): Check {
  return (value, run, seen) => {
    let valid = false;
    for (const node of nodes) {
      const branch = branchOf(seen);
      if (!testQuietly(node, value, run, branch)) continue;
      if (seen === undefined) return true;
      keep(seen, branch);
      valid = true;
    }
    return valid || tell(value, run);
  };
}

function oneCheck(nodes: readonly SchemaNode[], at: string, tell: Tell): Check {
  return (value, run, seen) => {
    let matches = 0;
    for (const node of nodes) {
      const branch = branchOf(seen);
      if (!testQuietly(node, value, run, branch)) continue;
      if (++matches > 1)
        return fail(
          run,
          `${at}/oneOf`,
          "oneOf",
          "must be of exactly one of the kinds that are allowed, and is of several",
        );
      keep(seen, branch);
    }
    return matches === 1 || tell(value, run);
  };
}

function notCheck(node: SchemaNode, at: string): Check {
  // What `not` has seen is nothing that its schema has evaluated: section 10.2.1.4.
  return (value, run) =>
    !testQuietly(node, value, run) || fail(run, `${at}/not`, "not", "must not be of the kind that is excluded here");
}

function conditionChecks(schema: CompiledObject, at: string, link: Linker): Check[] {
  if (schema.if === undefined) return [];
  const [condition, then, otherwise] = [
    link(schema.if, `${at}/if`),
    schema.then === undefined ? undefined : link(schema.then, `${at}/then`),
    schema.else === undefined ? undefined : link(schema.else, `${at}/else`),
  ];
  return [
    (value, run, seen) => {
      const branch = branchOf(seen);
      const holds = testQuietly(condition, value, run, branch);
      if (holds) keep(seen, branch);
      const next = holds ? then : otherwise;
      return next === undefined || test(next, value, run, seen);
    },
  ];
}
