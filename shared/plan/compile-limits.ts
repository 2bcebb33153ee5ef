import type { RouteConfig } from "../config/schema.ts";
import type { LegacyRateLimitHeaders, NamedLimitConfig, RateLimitConfig } from "../config/schema-limits.ts";
import { countingMode, inShadow } from "../config/shadow.ts";
import { parseDurationMs, parseRate } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { RateLimitSettings, ResponseCost } from "../policy/settings.ts";
import { compileLimitKey, limitKeyLabel } from "./compile-limit-keys.ts";
import type { RoutePlan } from "./plan.ts";

/** Limits that routes name, and how long their requests run at most. */
export interface NamedLimit {
  readonly config: NamedLimitConfig;
  readonly timeoutMs: number;
}

/**
 * Limits without a name are called by what they count by; the second of that name gets a number.
 * @param timeoutMs of the route: the longest that one of its requests has a slot
 */
export function compileRateLimits(
  { name: route, rateLimit: config }: Pick<RouteConfig, "name" | "rateLimit">,
  timeoutMs: number,
  named: Readonly<Record<string, NamedLimit>> = {},
): RateLimitSettings[] {
  const all = listOf(config);
  const taken = new Set(all.flatMap((limit) => (typeof limit === "string" ? limit : (limit.name ?? []))));
  return all.map((limit) => {
    if (typeof limit === "string") return compileNamed(limit, named, timeoutMs);
    const name = limit.name ?? freeName(limitKeyLabel(compileLimitKey(limit.by)), taken);
    taken.add(name);
    return compileRateLimit(limit, name, timeoutMs, rowsName(limit, `${route}/${name}`));
  });
}

/** Where the rows of a limit are found; undefined: it has none. */
function rowsName({ plans, consumers }: Omit<RateLimitConfig, "name">, name: string): string | undefined {
  return plans === undefined && consumers === undefined ? undefined : name;
}

/** One or several, as a route says them. */
export const listOf = (config: RouteConfig["rateLimit"]): readonly (RateLimitConfig | string)[] =>
  config === undefined ? [] : Array.isArray(config) ? config : [config];

function compileNamed(
  name: string,
  named: Readonly<Record<string, NamedLimit>>,
  routeTimeoutMs: number,
): RateLimitSettings {
  const limit = named[name];
  if (limit === undefined) throw new Error(`no limit ${name}`);
  const { config, timeoutMs } = limit;
  const rows = rowsName(config, name);
  if (config.scope === "route") return compileRateLimit(config, name, routeTimeoutMs, rows);
  return { ...compileRateLimit(config, name, timeoutMs, rows), scope: "gateway" };
}

export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`;
  return name;
}

function compileRateLimit(
  config: Omit<RateLimitConfig, "name">,
  name: string,
  timeoutMs: number,
  rows: string | undefined,
): RateLimitSettings {
  return {
    name,
    ...compileCount(config, timeoutMs),
    by: compileLimitKey(config.by),
    ...(config.missing === "refuse" && { missing: config.missing }),
    ...(rows !== undefined && { rows }),
    mode: countingMode(config.mode) ?? "leased",
    onFailure: config.onFailure ?? "closed",
    ...compileTimeout(config.timeout),
    ...(inShadow(config) && { shadow: true }),
  };
}

/** The default is the same as none: plans of the same meaning are equal. */
function compileTimeout(timeout: string | undefined): Pick<RateLimitSettings, "timeoutMs"> {
  const timeoutMs = timeout === undefined ? undefined : parseDurationMs(timeout);
  return timeoutMs === undefined || timeoutMs === limits.gateway.limiterWaitMs ? {} : { timeoutMs };
}

/** @param config of the route, else of the gateway */
export function compileLegacyHeaders(
  config: LegacyRateLimitHeaders | undefined,
): Pick<RoutePlan, "legacyRateLimitHeaders"> {
  return config === undefined || config === "none" ? {} : { legacyRateLimitHeaders: config };
}

type Count = Pick<RateLimitSettings, "limit" | "windowMs" | "burst" | "window" | "counts" | "cost">;

/** @param timeoutMs for requests that are counted at once */
export function compileCount(
  {
    limit,
    concurrent,
    burst,
    window,
    cost,
  }: Partial<Pick<RateLimitConfig, "limit" | "concurrent" | "burst" | "window" | "cost">>,
  timeoutMs: number,
): Count {
  if (concurrent !== undefined) return { limit: concurrent, windowMs: timeoutMs, counts: "concurrent" };
  const rate = parseRate(limit ?? "");
  if (rate === undefined) throw new Error(`not a rate: ${limit}`);
  return {
    limit: rate.limit,
    windowMs: rate.windowMs,
    ...(burst !== undefined && { burst }),
    ...(rate.calendar === true ? { window: "month" as const } : window === "fixed" && { window }),
    ...(cost !== undefined && { counts: "cost" as const, cost: compileCost(cost) }),
  };
}

function compileCost({ estimate, header, body }: NonNullable<RateLimitConfig["cost"]>): ResponseCost {
  return {
    estimate,
    ...(header !== undefined && { header: header.toLowerCase() }),
    ...(body !== undefined && { body }),
  };
}
