import type { CacheSettings } from "./settings.ts";

/** The cache of a route: the rules that answers are judged by, and what the gateway does with those that it keeps. */
export interface RouteCache extends CacheSettings {
  /** `QUERY`: those are answered from the cache, too; their content is held whole. Absent: GET and HEAD. */
  readonly methods?: readonly CacheMethod[];
  /** Largest answer that is kept; absent: what stores take. */
  readonly bodyBytesMax?: number;
  /** Present: all isolates share what is kept. Absent: those of a data centre. */
  readonly reach?: "everywhere";
  /** Which equal requests wait for the first of them: those of all isolates, or none. Absent: those of an isolate. */
  readonly collapse?: "everywhere" | "none";
}

export type CacheMethod = "GET" | "HEAD" | "QUERY";

/** Whether the route answers such requests from its cache. */
export const isAnsweredFromCache = (method: string, { methods }: RouteCache): boolean =>
  methods === undefined ? method === "GET" || method === "HEAD" : (methods as readonly string[]).includes(method);
