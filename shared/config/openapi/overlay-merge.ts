/** How the value of an overlay's action becomes one with what it finds (Overlay Specification 1.1, section 4.4.3). */
import { isContainer } from "../../http/exact-json.ts";
import type { Path } from "../problem.ts";
import type { Origins } from "./origins.ts";
import type { SourceFile } from "./source-file.ts";

export interface Merging {
  readonly origins: Origins;
  /** Containers that this action has made, and may change. */
  readonly owned: WeakSet<object>;
  /** Where the value stands that is merged; absent: it is copied from the description itself. */
  readonly given?: { readonly file: SourceFile; readonly path: Path } | undefined;
}

type Merged = { readonly value: unknown; readonly fault?: never } | { readonly fault: string };

export function mergeInto(target: unknown, update: unknown, merging: Merging): Merged {
  if (Array.isArray(target)) return { value: extended(target, update, merging) };
  if (!isContainer(target))
    return isContainer(update) ? { fault: `${kind(update)} cannot replace a plain value` } : { value: update };
  if (!isContainer(update) || Array.isArray(update))
    return { fault: `${kind(update)} cannot be merged with an object` };
  return mergeMappings(target, update, merging);
}

function mergeMappings(target: Record<string, unknown>, update: Record<string, unknown>, merging: Merging): Merged {
  const own = ownCopy(target, merging);
  for (const [key, value] of Object.entries(update)) {
    const below = within(merging, key);
    if (!Object.hasOwn(own, key)) put(own, key, value, below);
    else {
      const member = own[key];
      if (Array.isArray(member) !== Array.isArray(value) || isContainer(member) !== isContainer(value))
        return { fault: `\`${key}\`: ${kind(value)} cannot be merged with ${kind(member)}` };
      const merged = mergeInto(member, value, below);
      if (merged.fault !== undefined) return { fault: `\`${key}\`: ${merged.fault}` };
      if (isContainer(merged.value)) own[key] = merged.value;
      else put(own, key, merged.value, below);
    }
  }
  return { value: own };
}

/** A list is added to the end, anything else becomes its last member. */
function extended(target: readonly unknown[], update: unknown, merging: Merging): unknown[] {
  const own = ownCopy(target as never, merging) as unknown as unknown[];
  own.push(...(Array.isArray(update) ? update : [update]));
  return own;
}

function put(own: Record<string, unknown>, key: string, value: unknown, { origins, given }: Merging): void {
  Object.defineProperty(own, key, { value, enumerable: true, writable: true, configurable: true });
  if (given !== undefined) origins.given(own, key, given.file, given.path);
}

const within = (merging: Merging, key: string): Merging =>
  merging.given === undefined
    ? merging
    : { ...merging, given: { file: merging.given.file, path: [...merging.given.path, key] } };

/** What may be changed: the container itself where this action has made it, else a copy. */
export function ownCopy<T extends Record<string | number, unknown>>(container: T, { origins, owned }: Merging): T {
  if (owned.has(container)) return container;
  const copy = (Array.isArray(container) ? [...container] : { ...container }) as T;
  owned.add(copy);
  origins.copied(container, copy);
  return copy;
}

function kind(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return isContainer(value) ? "an object" : "a plain value";
}
