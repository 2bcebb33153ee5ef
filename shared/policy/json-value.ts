/** Looking into values of JSON: by paths with `*`, and what is kept of them. */
import { exactNumber } from "../http/raw-number.ts";
import type { ValuePath } from "./aggregate-settings.ts";

/**
 * What stands at a path; undefined: nothing. Only what is an object's own is found. After `*` it is the list of what is found in
 * each element, one list however many `*` there are.
 */
export function valueAt(value: unknown, path: ValuePath): unknown {
  let here = value;
  for (let at = 0; at < path.length; at++) {
    const name = path[at] as string;
    if (typeof here !== "object" || here === null) return undefined;
    if (Array.isArray(here)) {
      if (name === "*") return collect(here, path.slice(at + 1));
      if (!/^\d{1,9}$/.test(name)) return undefined;
    }
    if (!Object.hasOwn(here, name)) return undefined;
    here = (here as Record<string, unknown>)[name];
  }
  return here;
}

function collect(list: readonly unknown[], path: ValuePath): unknown[] {
  const found: unknown[] = [];
  const isList = path.includes("*");
  for (const element of list) {
    const value = valueAt(element, path);
    if (isList && Array.isArray(value)) for (const one of value) found.push(one);
    else if (value !== undefined) found.push(value);
  }
  return found;
}

/**
 * The same value with what the paths name, in its own place. A member that is called as a whole path is meant by it.
 * @returns undefined when there is neither an object nor, for paths that begin with `*`, a list
 */
export function pickPaths(value: unknown, paths: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) return undefined;
  if (Array.isArray(value) && !paths.every((path) => path === "*" || path.startsWith("*."))) return undefined;
  return keep(value, treeOf(value, paths));
}

/** The same value without what the paths name. */
export function omitPaths(value: unknown, paths: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) return value;
  return leave(value, treeOf(value, paths));
}

function leave(value: unknown, tree: Tree): unknown {
  if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) return value;
  if (Array.isArray(value)) {
    const each = tree.get("*");
    if (each === true) return [];
    return each === undefined ? value : value.map((element) => leave(element, each));
  }
  const left: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const below = tree.get(name);
    if (below !== true) left.push([name, below === undefined ? member : leave(member, below)]);
  }
  return Object.fromEntries(left);
}

/** Names to what is meant below them; `true`: everything. */
type Tree = Map<string, Tree | true>;

function treeOf(value: object, paths: readonly string[]): Tree {
  const tree: Tree = new Map();
  for (const path of paths) {
    const names = Object.hasOwn(value, path) ? [path] : path.split(".");
    let here = tree;
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string;
      const known = here.get(name);
      if (known === true) break;
      if (at === names.length - 1) here.set(name, true);
      else {
        const next: Tree = known ?? new Map();
        here.set(name, next);
        here = next;
      }
    }
  }
  return tree;
}

function keep(value: unknown, tree: Tree | true): unknown {
  if (tree === true || typeof value !== "object" || value === null) return tree === true ? value : undefined;
  if (Array.isArray(value)) {
    const each = tree.get("*");
    if (each === undefined) return undefined;
    return value.map((element) => keep(element, each)).filter((element) => element !== undefined);
  }
  const kept: [string, unknown][] = [];
  for (const [name, below] of tree) {
    const member = Object.hasOwn(value, name) ? keep((value as Record<string, unknown>)[name], below) : undefined;
    if (member !== undefined) kept.push([name, member]);
  }
  return Object.fromEntries(kept);
}
