import type { Cursor } from "./cursor.ts";

/** Whether a `match` of traffic asks for nothing: it is absent, or has empty members alone. */
export function matchesAll(match: Cursor): boolean {
  return match.entries.every(
    ([, one]) => typeof one.value === "object" && one.keys.length === 0 && one.items.length === 0,
  );
}
