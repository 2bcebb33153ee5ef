/** JSONPath (RFC 9535), bounded. Loaded by the first plan that has one. */
import { JSONPathEnvironment } from "json-p3";
import { limits } from "../limits.ts";
import type { JsonPath, Location } from "./json-place.ts";

let shared: JSONPathEnvironment | undefined;

function environment(): JSONPathEnvironment {
  if (shared === undefined) {
    shared = new JSONPathEnvironment({ maxRecursionDepth: limits.reshape.depthMax + 1 });
    // They take regular expressions that backtrack, also from the values that are searched.
    for (const name of ["match", "search"]) shared.functionRegister.delete(name);
  }
  return shared;
}

/** @returns the path, or why the text is none */
export function parseJsonPath(text: string): JsonPath | string {
  const refused = refuseCost(text);
  if (refused !== undefined) return refused;
  try {
    const query = environment().compile(text);
    return { find: (plain) => found(query.lazyQuery(plain as never)) };
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  }
}

/** What makes a path look at every value for every other one. */
export function refuseCost(text: string): string | undefined {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "''");
  const filter = bare.indexOf("?");
  if (bare.split("..").length > 2) return "`..` can stand in it once";
  if (filter >= 0 && /\.\.|\$/.test(bare.slice(filter)))
    return "a filter looks at its own value alone: no `..` and no `$`";
  return undefined;
}

function found(nodes: Iterable<{ readonly location: readonly (string | number)[] }>): Location[] {
  const locations: Location[] = [];
  for (const { location } of nodes) {
    if (locations.length >= limits.reshape.foundMax) throw new RangeError("a JSONPath finds too many places");
    locations.push(location);
  }
  return locations;
}
