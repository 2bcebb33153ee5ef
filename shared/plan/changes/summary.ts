/** What is kept of a change with its version: how many, where, and what widens. */
import { limits } from "../../limits.ts";
import type { Change } from "./find-changes.ts";
import type { Meaning } from "./meaning.ts";
import { partKey } from "./parts.ts";

export interface ChangedPlace {
  /** `route orders: rateLimit[0].limit`. */
  readonly place: string;
  readonly how: "added" | "removed" | "changed";
  readonly effect?: Meaning["effect"];
  readonly text?: string;
}

export interface ChangeSummary {
  readonly count: number;
  /** The first of them; those that widen are always before others. */
  readonly places: readonly ChangedPlace[];
}

export function summaryOf(changes: readonly Change[]): ChangeSummary {
  const places = changes.map(placeOf);
  const { changedPlacesMax } = limits.control;
  if (places.length <= changedPlacesMax) return { count: places.length, places };
  const first = places.toSorted((a, b) => Number(b.effect === "widens") - Number(a.effect === "widens"));
  return { count: places.length, places: first.slice(0, changedPlacesMax) };
}

function placeOf(change: Change): ChangedPlace {
  const { place, effect, text } = change;
  return {
    place: place === "" ? partKey(change) : `${partKey(change)}: ${place}`,
    how: howOf(change),
    ...(effect !== undefined && { effect }),
    ...(text !== undefined && { text }),
  };
}

export function howOf({ was, is }: Pick<Change, "was" | "is">): ChangedPlace["how"] {
  if (was === undefined) return "added";
  return is === undefined ? "removed" : "changed";
}

/** `3 changes, 1 widens: route a: auth, service b, ...` */
export function describeSummary({ count, places }: ChangeSummary, placesMax = 3): string {
  const widening = places.filter(({ effect }) => effect === "widens").length;
  const named = places.slice(0, placesMax).map(({ place }) => place);
  const rest = count > named.length ? [`${count - named.length} more`] : [];
  const wide = widening === 0 ? "" : `, ${widening} ${widening === 1 ? "widens" : "widen"}`;
  return `${count} ${count === 1 ? "change" : "changes"}${wide}: ${[...named, ...rest].join(", ")}`;
}
