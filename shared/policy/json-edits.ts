/** Edits of a body that is JSON. */

import { type ExactJson, isContainer } from "../http/exact-json.ts";
import { parsePointer } from "../http/json-pointer.ts";
import { limits } from "../limits.ts";
import type { Filling } from "./edit-value.ts";
import { type JsonPath, keyIn, type Location, locate, valueAt } from "./json-place.ts";
import { fillJson } from "./own-body.ts";
import type { JsonEdits } from "./reshape.ts";

type Container = Record<string | number, unknown>;

/**
 * What a body becomes. Values are made of what was there before any edit; places are those that an edit finds when it is its turn.
 * @param json owned: it is changed
 * @param filling whose scope has the body as `body`
 * @param paths the JSONPaths of the edits by their texts
 * @throws RangeError where a path finds more than there may be
 */
export function editJson(
  json: ExactJson,
  edits: JsonEdits,
  filling: Filling,
  paths: ReadonlyMap<string, JsonPath>,
): unknown {
  if (edits.template !== undefined) return fillJson(edits.template, filling);
  const set = Object.entries(edits.set ?? {}).map(
    ([place, value]) => [place, copyOf(fillJson(value, filling))] as const,
  );
  let root = json.value;
  const find = (place: string): Location[] =>
    locate(root, place, (path) => paths.get(path)?.find(json.plain(root)) ?? []);
  if (edits.pick !== undefined) root = pick(root, edits.pick.flatMap(find));
  for (const [parent, keys] of byParent(root, (edits.remove ?? []).flatMap(find))) removeFrom(parent, keys);
  for (const [place, name] of Object.entries(edits.rename ?? {}))
    for (const [parent, keys] of byParent(root, find(place))) renameIn(parent, keys, name);
  for (const [place, value] of set)
    if (!place.startsWith("$")) root = setAt(root, parsePointer(place) ?? [], value);
    else for (const location of roomFor(value, backwards(find(place)))) root = putAt(root, location, copyOf(value));
  return edits.wrap === undefined ? root : Object.fromEntries([[edits.wrap, root]]);
}

/** Every JSONPath of some edits. */
export function pathsIn(edits: JsonEdits | undefined): string[] {
  const { pick = [], remove = [], rename = {}, set = {} } = edits ?? {};
  const places = [...pick, ...remove, ...Object.keys(rename), ...Object.keys(set)];
  return places.filter((place) => place.startsWith("$"));
}

/** Whether what comes can be sent on within its envelope as it comes, without being read. */
export function isEnvelope({ others: _, streams: __, wrap, ...edits }: JsonEdits): boolean {
  return wrap !== undefined && Object.keys(edits).length === 0;
}

/** Each place once, from the back: what is found stays where it was until it is its turn. */
function backwards(places: readonly Location[]): Location[] {
  const sorted = places.toSorted((one, other) => compare(other, one));
  return sorted.filter((place, at) => at === 0 || compare(place, sorted[at - 1] ?? []) !== 0);
}

/** What a client sends may be put where it says, and as often. @throws RangeError where that comes to too much */
function roomFor(value: unknown, places: readonly Location[]): readonly Location[] {
  const chars = (JSON.stringify(value)?.length ?? 0) * places.length;
  if (chars > limits.reshape.bodyBytesMax)
    throw new RangeError(`what stands at ${places.length} places has ${chars} characters`);
  return places;
}

/** Keys that lead to what is kept; true: all of it. */
type Kept = Map<string | number, Kept | true>;

function pick(root: unknown, locations: readonly Location[]): unknown {
  if (locations.some(({ length }) => length === 0)) return root;
  const kept: Kept = new Map();
  for (const location of locations) keep(kept, location);
  return isContainer(root) ? pickFrom(root, kept) : {};
}

function keep(kept: Kept, location: Location): void {
  let at = kept;
  for (const [index, key] of location.entries()) {
    const known = at.get(key);
    if (known === true) return;
    if (index === location.length - 1) at.set(key, true);
    else {
      const next: Kept = known ?? new Map();
      at.set(key, next);
      at = next;
    }
  }
}

/** In the order of what was there; members of lists close up. */
function pickFrom(container: Container, kept: Kept): unknown {
  const taken = (key: string | number, value: unknown): unknown => {
    const more = kept.get(key);
    return more instanceof Map && isContainer(value) ? pickFrom(value, more) : value;
  };
  if (Array.isArray(container))
    return container.flatMap((value, index) => (kept.has(index) ? [taken(index, value)] : []));
  const members = Object.entries(container).filter(([name]) => kept.has(name));
  return Object.fromEntries(members.map(([name, value]) => [name, taken(name, value)]));
}

/**
 * What is found by what has it, so that each list and mapping is gone through once, however much of it is found. They are found
 * before the first of them changes, and stay what they are.
 */
function byParent(root: unknown, locations: readonly Location[]): Map<Container, Set<string | number>> {
  const parents = new Map<Container, Set<string | number>>();
  for (const location of locations) {
    const [parent, key] = parentOf(root, location);
    if (parent === undefined || key === undefined) continue;
    const keys = parents.get(parent);
    if (keys === undefined) parents.set(parent, new Set([key]));
    else keys.add(key);
  }
  return parents;
}

/** Members of lists close up. */
function removeFrom(parent: Container, keys: ReadonlySet<string | number>): void {
  if (!Array.isArray(parent)) {
    for (const key of keys) delete parent[key];
    return;
  }
  let kept = 0;
  for (const [index, value] of parent.entries()) if (!keys.has(index)) parent[kept++] = value;
  parent.length = kept;
}

/** The member keeps its place; another one that had the name goes. Of several the first one gets it, and the others go. */
function renameIn(parent: Container, keys: ReadonlySet<string | number>, name: string): void {
  const first = Array.isArray(parent) ? undefined : Object.keys(parent).find((key) => keys.has(key));
  if (first === undefined) return;
  const members = Object.entries(parent).filter(([key]) => key === first || (key !== name && !keys.has(key)));
  for (const key of Object.keys(parent)) delete parent[key];
  for (const [key, value] of members) define(parent, key === first ? name : key, value);
}

function putAt(root: unknown, location: Location, value: unknown): unknown {
  const [parent, key] = parentOf(root, location);
  if (location.length === 0) return value;
  if (parent !== undefined && key !== undefined) define(parent, key, value);
  return root;
}

/** Mappings on the way are made; where there is something else, or a list without such a member, nothing is changed. */
function setAt(root: unknown, names: readonly string[], value: unknown): unknown {
  const last = names.at(-1);
  if (last === undefined) return value;
  let container: unknown = root;
  for (const name of names.slice(0, -1)) {
    if (!isContainer(container)) return root;
    let key = keyIn(container, name);
    if (key === undefined) {
      if (Array.isArray(container)) return root;
      key = name;
      define(container, name, {});
    }
    container = container[key];
  }
  if (!isContainer(container)) return root;
  if (!Array.isArray(container)) define(container, last, value);
  else if (last === "-") container.push(value);
  else {
    const key = keyIn(container, last);
    if (key !== undefined) container[Number(key)] = value;
  }
  return root;
}

function parentOf(root: unknown, location: Location): [parent?: Container, key?: string | number] {
  const parent = valueAt(root, location.slice(0, -1));
  const key = location.at(-1);
  return isContainer(parent) && key !== undefined ? [parent, key] : [];
}

/** As an own member, whatever its name is. */
function define(container: Container, key: string | number, value: unknown): void {
  Object.defineProperty(container, key, { value, enumerable: true, writable: true, configurable: true });
}

function copyOf(value: unknown): unknown {
  if (!isContainer(value)) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)]));
}

/** Members of lists by their number; what leads further comes after what it begins with. */
function compare(one: Location, other: Location): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const [a, b] = [one[at] as string | number, other[at] as string | number];
    if (a !== b) return a < b ? -1 : 1;
  }
  return one.length - other.length;
}
