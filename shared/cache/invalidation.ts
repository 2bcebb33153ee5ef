/** What an unsafe request makes invalid (RFC 9111 section 4.4, RFC 9875 section 3). */

import { limits } from "../limits.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { hostName, keyedTarget } from "./cache-key.ts";
import type { CacheRequest, FieldReader, UpstreamAnswer } from "./cache-request.ts";
import type { CacheSettings } from "./settings.ts";
import { groupTags } from "./tags.ts";
import type { Invalidation } from "./verdict.ts";

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

/** A method that nobody knows is not known to be safe. */
export const isSafe = (method: string): boolean => SAFE.has(method);

/**
 * The request's own target and those of its answer's `Location` and `Content-Location` where they are of the same origin: what
 * another host says of one's answers does not count.
 * @returns undefined when the request was safe or the answer is an error: nothing is known to have changed
 */
export function invalidationOf(
  request: CacheRequest,
  { status, fields }: UpstreamAnswer,
  settings: CacheSettings,
): Invalidation | undefined {
  if (isSafe(request.method) || status < 200 || status > 399) return undefined;
  const targets = new Set([keyedTarget(request, settings)]);
  for (const name of ["location", "content-location"]) {
    const target = sameOriginTarget(fields, name, request, settings);
    if (target !== undefined) targets.add(target);
  }
  const tags = groupTags(fields.get("cache-group-invalidation"), request);
  return { host: hostName(request), targets: [...targets].slice(0, limits.cache.invalidatedMax), tags };
}

/** Path and query, as they are in keys, of a URL that an answer names; undefined when it is elsewhere or none. */
export function sameOriginTarget(
  fields: FieldReader,
  name: string,
  request: CacheRequest,
  settings: CacheSettings,
): string | undefined {
  const value = fields.get(name);
  const base = `${request.scheme}://${request.authority}${request.path}${request.query}`;
  if (value === null || value === undefined || !URL.canParse(value, base)) return undefined;
  const url = new URL(value, base);
  if (url.origin !== new URL(base).origin) return undefined;
  const path = normalisePath(url.pathname).path ?? url.pathname;
  return keyedTarget({ ...request, path, query: url.search }, settings);
}
