import type { RouteConfig } from "../config/schema.ts";
import type { RateLimitConfig } from "../config/schema-limits.ts";
import { parseRate } from "../config/units.ts";
import type { RateLimitSettings, ResponseCost } from "../policy/settings.ts";

/**
 * Limits without a name are called by what they count by; the second of that name gets a number.
 * @param timeoutMs of the route: the longest that one of its requests has a slot
 */
export function compileRateLimits(config: RouteConfig["rateLimit"], timeoutMs: number): RateLimitSettings[] {
  const all = config === undefined ? [] : Array.isArray(config) ? config : [config];
  const taken = new Set(all.flatMap(({ name }) => name ?? []));
  return all.map((limit) => {
    const name = limit.name ?? freeName(limit.by, taken);
    taken.add(name);
    return compileRateLimit(limit, name, timeoutMs);
  });
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`;
  return name;
}

function compileRateLimit(config: RateLimitConfig, name: string, timeoutMs: number): RateLimitSettings {
  return {
    name,
    ...compileCount(config, timeoutMs),
    by: config.by,
    mode: config.mode ?? "leased",
    onFailure: config.onFailure ?? "closed",
  };
}

type Count = Pick<RateLimitSettings, "limit" | "windowMs" | "burst" | "window" | "counts" | "cost">;

function compileCount({ limit, concurrent, burst, window, cost }: RateLimitConfig, timeoutMs: number): Count {
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
