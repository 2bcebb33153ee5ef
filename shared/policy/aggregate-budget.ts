/** The most that an aggregate may cost: the platform bounds the calls of one request and how many are under way at once. */
import { limits } from "../limits.ts";
import type { AggregatePart } from "./aggregate-settings.ts";

/** What is kept for all isolates is in objects, which are asked before a call and told of its answer. */
const FETCHES_OF_STORES = 2;

/**
 * Fetches that one part may cause: each call with all its attempts, each attempt with all its redirects.
 * @param elements of its fan-out; 1: it is one call
 * @param retries attempts after the first
 * @param isKeptEverywhere whether all isolates share its cache
 */
export function fetchesAtMost(elements: number, retries: number, redirects: number, isKeptEverywhere: boolean): number {
  return elements * ((1 + retries) * (1 + redirects) + (isKeptEverywhere ? FETCHES_OF_STORES : 0));
}

export function fetchesOf({ forEach, retries, redirects = 0, cache }: AggregatePart): number {
  return fetchesAtMost(forEach?.max ?? 1, retries?.attempts ?? 0, redirects, cache?.reach === "everywhere");
}

/** When a part begins and ends at the latest, in milliseconds from the first call's beginning, if nobody waits for a place. */
export interface PartTimes {
  readonly beginsMs: number;
  readonly endsMs: number;
}

/** Latest times of all parts, by the times that the document allows each. @param parts without a cycle */
export function latestTimes(parts: readonly AggregatePart[]): ReadonlyMap<string, PartTimes> {
  const times = new Map<string, PartTimes>();
  const byName = new Map(parts.map((part) => [part.name, part]));
  const visit = (part: AggregatePart): PartTimes => {
    const known = times.get(part.name);
    if (known !== undefined) return known;
    const sources = [...part.dependsOn, ...(part.after ?? [])].flatMap((name) => byName.get(name) ?? []);
    const beginsMs = Math.max(0, ...sources.map((source) => visit(source).endsMs));
    const found = { beginsMs, endsMs: beginsMs + roundsOf(part) * part.timeoutMs };
    times.set(part.name, found);
    return found;
  };
  for (const part of parts) visit(part);
  return times;
}

/** Calls of a fan-out that follow each other. */
function roundsOf({ forEach }: AggregatePart): number {
  if (forEach === undefined) return 1;
  return Math.ceil(forEach.max / Math.min(forEach.concurrency, limits.aggregate.concurrencyMax));
}
