/** What tells stored answers apart before `Vary` does (RFC 9111 section 2). */
import { limits } from "../limits.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import type { CacheRequest } from "./cache-request.ts";
import { keyedQuery } from "./keyed-query.ts";
import { normalisedField } from "./selecting-fields.ts";
import type { CacheSettings } from "./settings.ts";
import type { CacheKeys, ForwardVerdict } from "./verdict.ts";

/**
 * The keys of a request: scheme, authority, route, who answers, path and query as the route has them, the fields that it names, the
 * content of a QUERY (RFC 10008 section 2.7), and whose partition it is. GET, HEAD and what makes a GET invalid have the same.
 * @returns undefined when something in it is too long to tell answers apart by
 */
export function cacheKeysOf(request: CacheRequest, settings: CacheSettings): CacheKeys | undefined {
  const query = keyedQuery(request.query, settings.query);
  if (query === undefined) return undefined;
  const target = request.path + query;
  if (target.length > limits.cache.targetCharsMax) return undefined;
  let key = part(request.scheme) + part(request.authority.toLowerCase()) + part(request.route) + part(request.source);
  key += part(target);
  for (const name of settings.keyFields ?? []) {
    const value = normalisedField(name, request.fields);
    if (value !== null && value.length > limits.cache.selectingCharsMax) return undefined;
    key += part(name) + (value === null ? "-" : part(value));
  }
  if (request.method === "QUERY") key += `Q${queryPart(request)}`;
  const own = `${key}@${part(request.partition)}`;
  // Not the key of those who are anonymous: what they get is not said to be for all either.
  return settings.shared === true ? { own, shared: `${key}*` } : { own };
}

/** Path and query of a request as they are in its key: what purges and invalidations name. */
export function keyedTarget({ path, query }: CacheRequest, settings: CacheSettings): string {
  return path + (keyedQuery(query, settings.query) ?? query);
}

/** Host as purges name it: the dot that a client may put at its end makes it no other one (RFC 1034 section 3.1). */
export const hostName = ({ host }: Pick<CacheRequest, "host">): string => hostWithoutPort(host) ?? host;

/**
 * Under which key equal requests may wait for one another; those with cookies, which may not share, wait apart, as do those that are
 * known to get different answers.
 */
export function collapseKeyOf(
  { own, shared }: CacheKeys,
  { fields }: CacheRequest,
  settings: CacheSettings,
  { variant = "" }: Pick<ForwardVerdict, "variant">,
): string {
  const key = (shared ?? own) + variant;
  return settings.ignoreCookies === true || !fields.get("cookie") ? key : `${key}C`;
}

function queryPart({ fields, contentDigest = "" }: CacheRequest): string {
  return part(fields.get("content-type") ?? "") + part(fields.get("content-encoding") ?? "") + part(contentDigest);
}

/** With its length before it no text can pass for another one or for two. */
const part = (text: string): string => `${text.length}:${text}`;
