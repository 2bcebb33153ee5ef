/** What is told of a value that is none of several kinds: what it lacks to be the one that it most likely means to be. */

import { pointerOf } from "../http/json-pointer.ts";
import { limits } from "../limits.ts";
import { type Evaluation, fail, type JsonObject, type SchemaNode, test } from "./evaluation.ts";
import type { CompiledObject } from "./schema-types.ts";
import type { Violation } from "./violation.ts";

interface Choice {
  readonly nodes: readonly SchemaNode[];
  readonly at: string;
  readonly keyword: "anyOf" | "oneOf";
  readonly discriminator: CompiledObject["discriminator"];
}

/**
 * Tells the violations of one branch, or where several are as close, that none fits. A branch that the value's discriminator names is
 * the one; else those whose `type` is another or that say by `const` or `enum` that they are for another value come last.
 * @returns false
 */
export function tellClosest(value: unknown, run: Evaluation, choice: Choice): false {
  const { found } = run;
  if (found === undefined) return false;
  if (run.choices >= limits.contract.choicesToldMax) return tellNone(run, choice);
  const named = namedBranch(value, choice);
  if (typeof named === "object") return fail(run, `${choice.at}/${choice.keyword}`, choice.keyword, named.message);
  const own = pointerOf(run.path);
  const branches = (named === undefined ? choice.nodes : choice.nodes.slice(named, named + 1))
    .map((node) => violationsOf(node, value, run, found))
    .map((violations) => ({ violations, cost: costOf(violations, own) }))
    .sort((left, right) => left.cost - right.cost);
  const [closest, next] = branches;
  if (closest === undefined || closest.cost >= OTHER || closest.cost === next?.cost) return tellNone(run, choice);
  found.push(...closest.violations.slice(0, run.violationsMax - found.length));
  return false;
}

const tellNone = (run: Evaluation, { at, keyword }: Choice): false =>
  fail(run, `${at}/${keyword}`, keyword, "must be of one of the kinds that are allowed here");

/** @returns its index, or what to say where the discriminator names none; undefined where there is no discriminator */
function namedBranch(value: unknown, { discriminator }: Choice): number | { message: string } | undefined {
  if (discriminator === undefined || typeof value !== "object" || value === null) return undefined;
  const { propertyName, branches } = discriminator;
  const name = Object.hasOwn(value, propertyName) ? (value as JsonObject)[propertyName] : undefined;
  if (typeof name === "string" && Object.hasOwn(branches, name)) return branches[name];
  const names = Object.keys(branches).map((one) => JSON.stringify(one));
  return { message: `must have a property ${JSON.stringify(propertyName)} that is one of ${names.join(", ")}` };
}

function violationsOf(node: SchemaNode, value: unknown, run: Evaluation, found: Violation[]): Violation[] {
  const violations: Violation[] = [];
  run.found = violations;
  run.choices++;
  test(node, value, run, undefined);
  run.choices--;
  run.found = found;
  return violations;
}

const OTHER = 1_000_000;
const FOR_ANOTHER = 1_000;

function costOf(violations: readonly Violation[], own: string): number {
  let cost = 0;
  for (const { pointer, keyword } of violations) {
    if (pointer === own && keyword === "type") cost += OTHER;
    else cost += keyword === "const" || keyword === "enum" ? FOR_ANOTHER : 1;
  }
  return cost;
}
