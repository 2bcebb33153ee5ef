import type { Document, RouteConfig } from "../config/schema.ts";
import type { LimitRowConfig } from "../config/schema-limit-rows.ts";
import type { RateLimitConfig } from "../config/schema-limits.ts";
import { durationOr } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { LimitRow, LimitRows } from "../policy/limit-rows.ts";
import { compileCount, listOf, type NamedLimit } from "./compile-limits.ts";
import type { RoutePlan } from "./plan.ts";
import { mapValues } from "./sorted.ts";

type GatewayConfig = Pick<NonNullable<Document["gateway"]>, "limits" | "routes">;

/** The limits of the gateway. Requests of all routes that name one may have its slots: as long as the longest of them runs. */
export function namedLimits({ limits: named = {}, routes }: GatewayConfig): Record<string, NamedLimit> {
  return mapValues(named, (config, name) => {
    const users = routes.filter(({ rateLimit }) => listOf(rateLimit).includes(name));
    return { config, timeoutMs: Math.max(0, ...users.map(timeoutOf)) };
  });
}

const timeoutOf = ({ timeout }: RouteConfig): number => durationOr(timeout, limits.gateway.requestTimeoutMs);

/** The rows of every limit that has some, by the name that its settings say. */
export function compileLimitRows(
  { limits: named = {}, routes }: GatewayConfig,
  compiled: readonly RoutePlan[],
): Record<string, LimitRows> {
  const found: Record<string, LimitRows> = {};
  for (const [at, { rateLimits }] of compiled.entries()) {
    const configs = listOf(routes[at]?.rateLimit);
    for (const [index, settings] of rateLimits.entries()) {
      const config = configs[index];
      const own = typeof config === "string" ? named[config] : config;
      if (settings.rows !== undefined && own !== undefined) found[settings.rows] = compileRows(own);
    }
  }
  return mapValues(found, (rows) => rows);
}

type RowsConfig = Omit<RateLimitConfig, "name">;

function compileRows(config: RowsConfig): LimitRows {
  const compileAll = (rows: Readonly<Record<string, LimitRowConfig>>): Record<string, LimitRow> =>
    mapValues(rows, (row) => compileRow(config, row));
  const { plans, consumers } = config;
  return {
    ...(plans !== undefined && { plans: compileAll(plans) }),
    ...(consumers !== undefined && { consumers: compileAll(consumers) }),
  };
}

function compileRow(config: RowsConfig, row: LimitRowConfig): LimitRow {
  if (row === "unlimited") return row;
  const { counts, cost: _cost, windowMs, ...numbers } = compileCount({ ...config, ...numbersOf(row) }, 0);
  return { ...numbers, ...(counts !== "concurrent" && { windowMs }) };
}

/** A row in its long form. */
function numbersOf(row: Exclude<LimitRowConfig, "unlimited">): Pick<RowsConfig, "limit" | "concurrent" | "burst"> {
  if (typeof row === "number") return { concurrent: row };
  return typeof row === "string" ? { limit: row } : row;
}
