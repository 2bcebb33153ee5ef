/** Places in a value of JSON: pointers (RFC 6901) such as `/user/name`, and paths (RFC 9535) such as `$.items[*].id`. */
import { isContainer } from "../http/exact-json.ts";
import { parsePointer } from "../http/json-pointer.ts";

export type Location = readonly (string | number)[];

/** A JSONPath, ready to be asked. @throws where it finds more than there may be */
export interface JsonPath {
  find(plain: unknown): Location[];
}

/** Finds what paths find. @param paths by their texts */
export type PathFinder = (path: string) => Location[];

/** Where the place is in a value; nowhere for what is not there. */
export function locate(root: unknown, place: string, find: PathFinder): Location[] {
  if (place.startsWith("$")) return find(place);
  const location: (string | number)[] = [];
  let value = root;
  for (const name of parsePointer(place) ?? []) {
    const key = keyIn(value, name);
    if (key === undefined) return [];
    location.push(key);
    value = (value as Record<string | number, unknown>)[key];
  }
  return [location];
}

/** Only what is a mapping's own is there. */
export function keyIn(container: unknown, name: string): string | number | undefined {
  if (!isContainer(container)) return undefined;
  if (!Array.isArray(container)) return Object.hasOwn(container, name) ? name : undefined;
  if (!/^(?:0|[1-9]\d{0,8})$/.test(name)) return undefined;
  return Number(name) < container.length ? Number(name) : undefined;
}

/** What stands at a location that was found. */
export function valueAt(root: unknown, location: Location): unknown {
  let value = root;
  for (const key of location) value = isContainer(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}
