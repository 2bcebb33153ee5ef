/** Schemas that refer to themselves without going into the value: whoever evaluates them never ends. */
import type { CompiledObject, CompiledSchema } from "../../shared/contract/schema-types.ts";
import type { Place } from "./schema-documents.ts";
import type { SchemaProblem } from "./schema-problem.ts";

export function findLoops(
  schemas: ReadonlyMap<string, CompiledSchema>,
  places: ReadonlyMap<string, Place>,
  problems: SchemaProblem[],
): void {
  const targets = new Map([...schemas].map(([name, schema]) => [name, targetsOf(schema)]));
  const done = new Set<string>();
  for (const name of schemas.keys()) {
    const loop = findLoop(name, targets, done);
    const place = loop === undefined ? undefined : places.get(loop[0] ?? "");
    if (loop === undefined || place === undefined) continue;
    const { document, pointer } = place;
    const reason = `refers to itself without going into the value: ${[...loop, loop[0]].join(" -> ")}`;
    problems.push({ kind: "schema", document, pointer, reason });
  }
}

/** Depth first, with a stack of its own: chains of references can be long. */
function findLoop(
  start: string,
  targets: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
): string[] | undefined {
  const trail: { name: string; next: number }[] = [{ name: start, next: 0 }];
  const open = new Set([start]);
  let loop: string[] | undefined;
  for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
    const target = done.has(top.name) ? undefined : targets.get(top.name)?.[top.next++];
    if (target === undefined) {
      done.add(top.name);
      open.delete(top.name);
      trail.pop();
    } else if (open.has(target)) {
      const names = trail.map(({ name }) => name);
      loop ??= names.slice(names.indexOf(target));
    } else if (!done.has(target)) {
      open.add(target);
      trail.push({ name: target, next: 0 });
    }
  }
  return loop;
}

/** Names of schemas that apply at the same place of the value. */
function targetsOf(schema: CompiledSchema | undefined): string[] {
  if (typeof schema !== "object") return [];
  return [...(schema.$ref === undefined ? [] : [schema.$ref]), ...inPlace(schema).flatMap(targetsOf)];
}

const inPlace = (schema: CompiledObject): (CompiledSchema | undefined)[] => [
  ...(schema.allOf ?? []),
  ...(schema.anyOf ?? []),
  ...(schema.oneOf ?? []),
  ...Object.values(schema.dependentSchemas ?? {}),
  ...Object.values(schema.dependencies ?? {})
    .filter((one) => !Array.isArray(one))
    .map((one) => one as CompiledSchema),
  schema.not,
  schema.if,
  schema.then,
  schema.else,
];
