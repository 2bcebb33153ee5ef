/** One request as the cache sees it. */
import { cacheKeysOf } from "../../../shared/cache/cache-key.ts";
import type { CacheRequest } from "../../../shared/cache/cache-request.ts";
import { isSafe } from "../../../shared/cache/invalidation.ts";
import { partitionOf } from "../../../shared/cache/partition.ts";
import { isAnsweredFromCache, type RouteCache } from "../../../shared/cache/route-cache.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import type { CacheKeys } from "../../../shared/cache/verdict.ts";
import { limits } from "../../../shared/limits.ts";
import { identityFields } from "../../../shared/policy/identity-headers.ts";
import { readsAnswers } from "../../../shared/policy/reshape.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Forwarder, ForwardTarget } from "../upstream/forward-request.ts";
import { sha256 } from "../upstream/idempotency-records.ts";
import { readContent } from "../upstream/read-content.ts";
import type { Soon } from "./cache-store.ts";
import type { EdgeCache } from "./edge-cache.ts";
import type { CacheReach } from "./tiered-store.ts";

/** What the stages of the cache share of one request. */
export interface CacheExchange {
  readonly edge: EdgeCache;
  readonly c: Context<GatewayEnv>;
  readonly settings: RouteCache;
  readonly target: ForwardTarget;
  readonly forwarder: Forwarder;
  readonly request: CacheRequest;
  readonly keys: CacheKeys | undefined;
  readonly reach: CacheReach;
  /** Content stays as it is encoded, but where a stage around this one reads it: limits that count answers, idempotency keys. */
  readonly isRaw: boolean;
}

export interface CachedRoute {
  readonly settings: RouteCache;
  readonly target: ForwardTarget;
  readonly forwarder: Forwarder;
}

/** At once but for a QUERY, whose content belongs to its key. */
export function exchangeOf(edge: EdgeCache, c: Context<GatewayEnv>, cached: CachedRoute): Soon<CacheExchange> {
  const method = c.get("method");
  if (method !== "QUERY" || !isAnsweredFromCache(method, cached.settings)) return exchangeWith(edge, c, cached);
  return digestOf(c).then((contentDigest) => exchangeWith(edge, c, cached, contentDigest));
}

function exchangeWith(
  edge: EdgeCache,
  c: Context<GatewayEnv>,
  { settings, target, forwarder }: CachedRoute,
  contentDigest?: string,
): CacheExchange {
  const method = c.get("method");
  const route = c.get("route");
  const fields = c.get("fields");
  const variant = c.get("variant");
  const { host, authority, query } = c.get("target");
  const request: CacheRequest = {
    method,
    scheme: c.get("connection").scheme,
    authority,
    host,
    route: variant === undefined ? route.name : `${route.name} ${variant.name}`,
    path: c.get("path"),
    query,
    fields,
    hasContent: c.get("body") !== null,
    partition: partitionFor(c),
    authorized: fields.has("authorization") && route.transform.request.set.authorization === undefined,
    ...(contentDigest !== undefined && { contentDigest }),
  };
  const keys = cacheKeysOf(request, settings);
  const reach = settings.reach ?? "near";
  const isRead = route.reshape !== undefined && readsAnswers(route.reshape);
  const isRaw = isSafe(method) && !isRead && route.rateLimits.every(({ counts }) => counts === undefined);
  if (isRaw && route.reshape !== undefined) c.set("isRaw", true);
  return { edge, c, settings, target, forwarder, request, keys, reach, isRaw };
}

/** Under which of the keys an answer lies. */
export const keyOf = ({ own, shared = own }: CacheKeys, head: Pick<StoredHead, "shared">): string =>
  head.shared === true ? shared : own;

/** Whom an answer could be for: everybody who is told apart neither by identity nor by what upstreams are told. */
function partitionFor(c: Context<GatewayEnv>): string {
  const identity = c.get("identity");
  const { identityHeaders } = c.get("route");
  const context = c.get("context");
  const fields = identityHeaders === undefined ? [] : (identityFields(identityHeaders, identity).fields ?? []);
  const edited = c.get("reshaped")?.told ?? "";
  const told = edited === "" ? fields : [...fields, ["", edited] as const];
  return partitionOf(identity, { fields: told, context: context === undefined ? "" : JSON.stringify(context) });
}

/** @returns undefined for more content than is read for a key */
async function digestOf(c: Context<GatewayEnv>): Promise<string | undefined> {
  const bytesMax = limits.cache.queryContentBytesMax;
  if (Number(c.req.raw.headers.get("content-length") ?? 0) > bytesMax) return undefined;
  const content = await readContent(c);
  return content.byteLength > bytesMax ? undefined : sha256(content);
}
