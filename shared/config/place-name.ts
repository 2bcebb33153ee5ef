/** Places of a document as people name them, which stay the same when something is written above them. */
import { Cursor } from "./cursor.ts";
import type { Path } from "./problem.ts";

/** What every route, service and upstream stands in, and is not worth a word. */
const PARTS: readonly unknown[] = ["gateway", "mesh"];

/**
 * `routes.orders.match.path` for `gateway.routes[3].match.path`: members of lists that have a `name` go by it, others by
 * their index; `gateway` and `mesh` are left out before what stands in them.
 */
export function placeName(document: unknown, path: Path): string {
  let at = new Cursor(document);
  const names = path.map((key) => {
    at = at.get(key);
    return typeof key === "number" ? (at.get("name").text ?? String(key)) : key;
  });
  return (names.length > 1 && PARTS.includes(names[0]) ? names.slice(1) : names).join(".");
}

/** Whether a place is another one or stands in it. */
export function liesAt(place: string, at: string): boolean {
  const outer = at.replace(/^(?:gateway|mesh)\./, "");
  return place === outer || place.startsWith(`${outer}.`);
}
