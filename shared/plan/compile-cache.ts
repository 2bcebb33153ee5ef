import type { CacheMethod, RouteCache } from "../cache/route-cache.ts";
import type { QuerySettings } from "../cache/settings.ts";
import type { CacheConfig, PartCacheConfig } from "../config/schema-cache.ts";
import { parseDurationMs, parseSizeBytes } from "../config/units.ts";
import type { TrafficMatch } from "../policy/settings.ts";
import { mapValues, sorted } from "./sorted.ts";

/**
 * @param config of the route: what it says goes before the gateway's
 * @param traffic rules of the target: whatever they decide by tells answers apart, also end users where they go by those
 * @param ownFields that the route itself sets in requests
 * @returns undefined: the route has no cache
 */
export function compileCache(
  config: CacheConfig | boolean | undefined,
  gateway: CacheConfig | undefined,
  traffic: readonly TrafficMatch[],
  ownFields: readonly string[],
): RouteCache | undefined {
  if (config === undefined || config === false) return undefined;
  const own = config === true ? {} : config;
  const merged: CacheConfig = { ...gateway, ...own };
  const key = { ...gateway?.key, ...own.key };
  const query = compileQuery(key.query);
  const fields = lowerCase([...(key.headers ?? []), ...traffic.flatMap(({ headers }) => Object.keys(headers))]);
  const [ttlMs, whileRevalidateMs, ifErrorMs] = [merged.ttl, merged.staleWhileRevalidate, merged.staleIfError].map(
    (text) => (text === undefined ? undefined : parseDurationMs(text)),
  );
  const bodyBytesMax = merged.maxBody === undefined ? undefined : parseSizeBytes(merged.maxBody);
  return {
    ...(ttlMs !== undefined && { ttlMs }),
    ...(merged.override === true && { override: true }),
    ...(merged.errors !== undefined && { errorTtlMs: mapValues(merged.errors, (text) => parseDurationMs(text) ?? 0) }),
    ...(whileRevalidateMs !== undefined && { staleWhileRevalidateMs: whileRevalidateMs }),
    ...(ifErrorMs !== undefined && { staleIfErrorMs: ifErrorMs }),
    ...(query !== undefined && { query }),
    ...(fields.length > 0 && { keyFields: fields }),
    ...(ownFields.length > 0 && { ownFields: sorted(ownFields) }),
    ...(merged.shared === true && !traffic.some(goesByUser) && { shared: true }),
    ...(key.cookies === "ignore" && { ignoreCookies: true }),
    ...(merged.tags !== undefined && { tags: sorted(merged.tags) }),
    ...(merged.ignoreClient === true && { ignoreClient: true }),
    ...compileMethods(merged.methods),
    ...(bodyBytesMax !== undefined && { bodyBytesMax }),
    ...(merged.reach === "everywhere" && { reach: "everywhere" }),
    ...(merged.collapse !== undefined && merged.collapse !== "isolate" && { collapse: merged.collapse }),
  };
}

/**
 * The cache of a part of an aggregate. Whether the client wants the composed answer from a cache says nothing of its parts.
 * @param traffic rules of the part's target @param ownFields that the part itself sets
 */
export function compilePartCache(
  config: PartCacheConfig | boolean | undefined,
  traffic: readonly TrafficMatch[],
  ownFields: readonly string[],
): RouteCache | undefined {
  if (config === undefined || config === false) return undefined;
  return compileCache({ ...(config === true ? {} : config), ignoreClient: true }, undefined, traffic, ownFields);
}

const goesByUser = ({ claims, scopes }: TrafficMatch): boolean => claims !== undefined || scopes !== undefined;

type QueryConfig = NonNullable<NonNullable<CacheConfig["key"]>["query"]>;

function compileQuery(query: QueryConfig | undefined): QuerySettings | undefined {
  if (query === undefined) return undefined;
  const { only, ignore, sort } = query;
  const settings: QuerySettings = {
    ...(only !== undefined && { only: sorted(only) }),
    ...(ignore !== undefined && { ignore: sorted(ignore) }),
    ...(sort === true && { sort: true }),
  };
  return Object.keys(settings).length === 0 ? undefined : settings;
}

function compileMethods(methods: readonly CacheMethod[] | undefined): Pick<RouteCache, "methods"> {
  if (methods === undefined) return {};
  const named = sorted(methods) as CacheMethod[];
  return named.join() === "GET,HEAD" ? {} : { methods: named };
}

const lowerCase = (names: readonly string[]): string[] => sorted(names.map((name) => name.toLowerCase()));
