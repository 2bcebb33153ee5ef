/** Exemplars of how long requests of routes took: of each bucket one request whose spans are kept. */
import { limits } from "../limits.ts";
import { type LatencyCounter, latencyCounterOf } from "./usage-counters.ts";

export interface RouteExemplar {
  /** Empty: it met none. */
  readonly route: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly ms: number;
  /** When it was answered, milliseconds since 1970. */
  readonly atMs: number;
}

/** By bucket and route, the latest of each. */
export type RouteExemplars = Map<string, RouteExemplar>;

/** @param max beyond which none of other routes is taken */
export function noteExemplar(known: RouteExemplars, one: RouteExemplar, max: number): void {
  const key = keyOf(latencyCounterOf(one.ms), one.route);
  const before = known.get(key);
  if (before === undefined ? known.size < max : before.atMs <= one.atMs) known.set(key, one);
}

export function exemplarOf(known: RouteExemplars, route: string, bucket: LatencyCounter): RouteExemplar | undefined {
  return known.get(keyOf(bucket, route));
}

/** The latest of several that were told. */
export function mergeExemplars(all: readonly RouteExemplar[]): RouteExemplars {
  const merged: RouteExemplars = new Map();
  for (const one of all) noteExemplar(merged, one, limits.usage.exemplarsMax);
  return merged;
}

const keyOf = (bucket: LatencyCounter, route: string): string => `${bucket} ${route}`;
