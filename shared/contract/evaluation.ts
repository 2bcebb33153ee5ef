/** One validation on its way: what it found, where it is, and how far it may go. */

import { pointerOf } from "../http/json-pointer.ts";
import { limits } from "../limits.ts";
import { ARRAY, kindOf, NUMBER, nameKinds, OBJECT, STRING } from "./kinds.ts";
import { tooComplex } from "./too-complex.ts";
import type { Violation } from "./violation.ts";

export interface Evaluation {
  schema(name: string): SchemaNode;
  readonly direction: "request" | "response" | undefined;
  readonly assertsFormats: boolean;
  readonly violationsMax: number;
  /** Violations found; undefined while only the verdict is asked for. */
  found: Violation[] | undefined;
  /** Names and indexes that lead to where it is. */
  readonly path: (string | number)[];
  /** Dynamic anchors of the schema resources that it is in, outermost first. */
  readonly resources: Readonly<Record<string, string>>[];
  /** Choices within choices whose branches it is telling about. */
  choices: number;
  steps: number;
  depth: number;
}

/** @returns whether the value has what the keyword asks for */
export type Check<Value = unknown> = (value: Value, run: Evaluation, seen: Seen | undefined) => boolean;

/** A schema, ready to be asked. Checks of a kind are asked for values of that kind alone. */
export interface SchemaNode {
  /** Its name and, after `#`, the JSON pointer to it. */
  readonly at: string;
  /** Kinds of values that it allows, added up. */
  readonly kinds: number;
  readonly any: readonly Check[];
  readonly text: readonly Check<string>[];
  readonly number: readonly Check[];
  readonly array: readonly Check<readonly unknown[]>[];
  readonly object: readonly Check<JsonObject>[];
  /** Asked last: what no other keyword has seen. */
  readonly unevaluated: readonly Check[];
  readonly dynamicAnchors: Readonly<Record<string, string>> | undefined;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Members of one object or array that keywords have evaluated (JSON Schema 2020-12, section 11). */
export class Seen {
  readonly names = new Set<string>();
  /** Items before this index. */
  items = 0;
  readonly indexes = new Set<number>();

  add(other: Seen): void {
    for (const name of other.names) this.names.add(name);
    for (const index of other.indexes) this.indexes.add(index);
    this.items = Math.max(this.items, other.items);
  }
}

/** @throws SelvageError `content_too_complex` where schema and value together ask for more work or depth than is given */
export function test(node: SchemaNode, value: unknown, run: Evaluation, seen: Seen | undefined): boolean {
  spend(run, 1);
  if (++run.depth > limits.contract.depthMax) tooComplex("schemas are nested too deeply");
  const { dynamicAnchors } = node;
  if (dynamicAnchors !== undefined) run.resources.push(dynamicAnchors);
  const own = node.unevaluated.length > 0 ? new Seen() : seen;
  const valid = isOfKind(node, value, run, own) && (own === undefined || isEvaluated(node, value, run, own, seen));
  if (dynamicAnchors !== undefined) run.resources.pop();
  run.depth--;
  return valid;
}

/** The same for a member of the value that is being looked at. */
export function testMember(node: SchemaNode, value: unknown, key: string | number, run: Evaluation): boolean {
  if (run.found === undefined) return test(node, value, run, undefined);
  run.path.push(key);
  const valid = test(node, value, run, undefined);
  run.path.pop();
  return valid;
}

/** The verdict alone. */
export function testQuietly(node: SchemaNode, value: unknown, run: Evaluation, seen?: Seen): boolean {
  const { found } = run;
  run.found = undefined;
  const valid = test(node, value, run, seen);
  run.found = found;
  return valid;
}

/** Tells a violation where they are collected. @returns false */
export function fail(run: Evaluation, at: string, keyword: string, message: string): false {
  if (run.found === undefined || isFull(run)) return false;
  spend(run, 1 + run.path.length);
  run.found.push({ pointer: pointerOf(run.path), keyword, at, message });
  return false;
}

/** Whether nothing more can be told: the verdict is known. */
export const isFull = ({ found, violationsMax }: Evaluation): boolean =>
  found === undefined || found.length >= violationsMax;

export function spend(run: Evaluation, steps: number): void {
  run.steps += steps;
  if (run.steps > limits.contract.stepsMax) tooComplex(`it takes more than ${limits.contract.stepsMax} steps`);
}

function isOfKind(node: SchemaNode, value: unknown, run: Evaluation, seen: Seen | undefined): boolean {
  const kind = kindOf(value);
  if ((kind & node.kinds) === 0) return fail(run, `${node.at}/type`, "type", `must be ${nameKinds(node.kinds)}`);
  let valid = true;
  if (kind === STRING) valid = all(node.text, value as string, run, seen);
  else if (kind === OBJECT) valid = all(node.object, value as JsonObject, run, seen);
  else if (kind === ARRAY) valid = all(node.array, value as readonly unknown[], run, seen);
  else if (kind >= NUMBER) valid = all(node.number, value, run, seen);
  if (!valid && isFull(run)) return false;
  return all(node.any, value, run, seen) && valid;
}

function isEvaluated(node: SchemaNode, value: unknown, run: Evaluation, own: Seen, seen: Seen | undefined): boolean {
  if (own === seen) return true;
  const valid = all(node.unevaluated, value, run, own);
  if (valid) seen?.add(own);
  return valid;
}

function all<Value>(checks: readonly Check<Value>[], value: Value, run: Evaluation, seen: Seen | undefined): boolean {
  let valid = true;
  for (const check of checks) {
    if (check(value, run, seen)) continue;
    if (isFull(run)) return false;
    valid = false;
  }
  return valid;
}
