import type { HedgeConfig } from "../config/schema-hedge.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { HedgeSettings } from "../policy/settings.ts";
import { sorted } from "./sorted.ts";

const SAFE: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** Of a service's `hedge`. */
export function compileHedge({ after, max, budget, methods }: HedgeConfig): HedgeSettings {
  return {
    ...(after.startsWith("p") ? { percentile: Number(after.slice(1)) } : { afterMs: parseDurationMs(after) ?? 0 }),
    max: max ?? limits.hedge.max,
    budgetPercent: budget ?? limits.hedge.budgetPercent,
    methods: sorted(methods ?? SAFE),
  };
}
