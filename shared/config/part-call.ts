/** Reads the call of an aggregate's part: its method, its target, and what it waits for. */

import { type PartCondition, parsePartCondition } from "../policy/part-condition.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import type { Cursor } from "./cursor.ts";
import { parseHeaderText, parseJsonTemplate, parseValueText, type TemplateFault } from "./json-template.ts";
import type { Path } from "./problem.ts";
import { PART_METHODS } from "./schema-aggregate.ts";
import { splitPartUrl } from "./template.ts";

export interface PartCallKey {
  readonly method: string;
  /** Of the text. */
  readonly at: Cursor;
  /** Absent: the text is neither form. */
  readonly split?: { readonly target: UpstreamTarget; readonly path: string };
}

/** Every key of a part that names a call; there has to be one. */
export function callsOf(part: Cursor): PartCallKey[] {
  return PART_METHODS.map((key) => ({ key, at: part.get(key) }))
    .filter(({ at }) => at.exists)
    .map(({ key, at }) => {
      const split = at.text === undefined ? undefined : splitPartUrl(at.text);
      return { method: key.toUpperCase(), at, ...(split !== undefined && { split }) };
    });
}

/** Whether a composed answer is for more than GET and HEAD, for which it always is: there may be a body then. */
export function declaresOtherMethods(route: Cursor): boolean {
  return route.get("match", "methods").texts.some((method) => method !== "GET" && method !== "HEAD");
}

/** Texts of all calls of a route's parts, such as `users:/users/1`. */
export function partTargets(route: Cursor): Cursor[] {
  return route.get("aggregate").entries.flatMap(([, part]) => callsOf(part).map(({ at }) => at));
}

/** A value that a part's templates name. */
export interface PartHole {
  readonly names: readonly string[];
  readonly path: Path;
  /** `item` and `index` have a meaning there. */
  readonly perItem: boolean;
}

export interface PartHoles {
  readonly holes: readonly PartHole[];
  readonly faults: readonly TemplateFault[];
}

/** What all templates of a part name, and what is wrong with them. */
export function holesOfPart(part: Cursor): PartHoles {
  const holes: PartHole[] = [];
  const faults: TemplateFault[] = [];
  const text = (at: Cursor, whole: string, perItem: boolean): void => {
    const { parts, fault } = parseValueText(whole);
    if (fault !== undefined)
      faults.push({ path: at.path, message: `${JSON.stringify(whole)} is not a template: ${fault}` });
    for (const names of parts) if (typeof names !== "string") holes.push({ names, path: at.path, perItem });
  };
  for (const { at, split } of callsOf(part)) if (split !== undefined) text(at, split.path, true);
  for (const value of [...part.get("query").entries.map(([, one]) => one), part.get("body")]) {
    if (!value.exists) continue;
    const read = parseJsonTemplate(value, false);
    faults.push(...read.faults);
    holes.push(...read.holes.map(({ names, path }) => ({ names, path, perItem: true })));
  }
  for (const [, value] of part.get("headers").entries) {
    const read = parseHeaderText(value.text ?? "");
    if (read.fault !== undefined)
      faults.push({ path: value.path, message: `${JSON.stringify(value.text)} is not a template: ${read.fault}` });
    holes.push(...read.holes.map((names) => ({ names, path: value.path, perItem: true })));
  }
  const list = listOf(part);
  if (list?.text !== undefined) text(list, list.text, false);
  return { holes, faults };
}

/** The text of `forEach` or its `in`. */
export function listOf(part: Cursor): Cursor | undefined {
  const forEach = part.get("forEach");
  if (!forEach.exists) return undefined;
  return forEach.text === undefined ? forEach.get("in") : forEach;
}

/** What the condition of a part uses; nothing where it has none or it cannot be used. */
export function conditionNames(part: Cursor): Pick<PartCondition, "names" | "statusOf"> {
  const text = part.get("when").text;
  const parsed = text === undefined ? undefined : parsePartCondition(text);
  return parsed === undefined || typeof parsed === "string" ? { names: [], statusOf: [] } : parsed;
}

export interface Dependencies {
  /** Parts whose value its templates need. */
  readonly dependsOn: readonly string[];
  /** Others that its condition names. */
  readonly after: readonly string[];
  /** Whether it names the body of the request. */
  readonly readsBody: boolean;
}

/** @param parts names of all parts, which go before the other names that templates have */
export function dependenciesOf(part: Cursor, parts: readonly string[]): Dependencies {
  const roots = new Set(holesOfPart(part).holes.map(({ names }) => names[0] ?? ""));
  const { names, statusOf } = conditionNames(part);
  const named = new Set([...names, ...statusOf, ...part.get("after").texts]);
  return {
    dependsOn: parts.filter((name) => roots.has(name)),
    after: parts.filter((name) => named.has(name) && !roots.has(name)),
    readsBody: !parts.includes("body") && (roots.has("body") || names.includes("body")),
  };
}
