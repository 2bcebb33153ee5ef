/** How a request goes to the upstream (RFC 9111 section 4.3.1). */
import { formatHttpDate } from "../http/http-date.ts";
import { limits } from "../limits.ts";
import type { CacheRequest } from "./cache-request.ts";
import { keyedQuery } from "./keyed-query.ts";
import { CACHE_CONDITIONS } from "./preconditions.ts";
import type { CacheSettings } from "./settings.ts";
import { isGood } from "./statuses.ts";
import type { StoredHead } from "./stored-head.ts";
import { isUnkeyed } from "./unkeyed-fields.ts";
import type { ForwardEdits, ForwardVerdict } from "./verdict.ts";

/**
 * A request whose answer may be stored is sent without what is not in its key and could make the answer another one: known
 * fields, parameters that the route ignores, cookies where it says that they mean nothing. Instead of the client's conditions it
 * has the validators of what is held; what the client has is judged by the answer.
 * @param passesOn its answers are known not to be stored, so the client's own conditions go on, and can be answered by a 304
 */
export function forwardEdits(
  { way, held, background }: Pick<ForwardVerdict, "way" | "held" | "background">,
  request: CacheRequest,
  settings: CacheSettings,
  passesOn = false,
): ForwardEdits {
  if (way === "pass") return { remove: [], set: [], query: request.query };
  const remove: string[] = [];
  for (const [name] of request.fields) if (isRemoved(name, settings)) remove.push(name);
  const set = request.method === "HEAD" ? [] : validatorFields(held);
  if (set.length > 0 || background === true) remove.push(...CACHE_CONDITIONS, "range", "if-range");
  else if (!passesOn && request.method !== "HEAD" && !request.fields.get("range")) remove.push(...CACHE_CONDITIONS);
  return { remove, set, query: keyedQuery(request.query, settings.query) ?? request.query };
}

function isRemoved(name: string, { keyFields, ownFields, ignoreCookies }: CacheSettings): boolean {
  if (keyFields?.includes(name) === true || ownFields?.includes(name) === true) return false;
  return isUnkeyed(name) || (ignoreCookies === true && name === "cookie");
}

/**
 * Entity tags of all that is held, and the date of the newest one where it has one. Conditions are about good answers alone (RFC
 * 9110 section 13.2.1): a 304 would say nothing of an error that is held.
 */
function validatorFields(held: readonly StoredHead[]): [string, string][] {
  const good = held.filter(({ status }) => isGood(status));
  const tags = new Set(good.flatMap(({ etag }) => (etag === undefined ? [] : [etag])));
  const set: [string, string][] = [];
  if (tags.size > 0) set.push(["if-none-match", [...tags].slice(0, limits.cache.validatorsMax).join(", ")]);
  const modifiedMs = good[0]?.lastModifiedMs;
  if (modifiedMs !== undefined) set.push(["if-modified-since", formatHttpDate(modifiedMs)]);
  return set;
}
