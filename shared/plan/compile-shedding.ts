import type { ConcurrencyConfig, SheddingConfig } from "../config/schema-shedding.ts";
import { inShadow } from "../config/shadow.ts";
import { limits } from "../limits.ts";
import type { ConcurrencySettings, SheddingSettings } from "../policy/load-shedding.ts";
import { mapValues } from "./sorted.ts";

/** Of `gateway.shedding`. */
export function compileShedding(config: SheddingConfig): SheddingSettings {
  return { ...compileConcurrency(config), plans: mapValues(config.plans ?? {}, (priority) => priority) };
}

/** Of a service's `shedding`. */
export function compileConcurrency(config: ConcurrencyConfig): ConcurrencySettings {
  const { tolerance, concurrencyMin, concurrencyMax } = limits.loadShedding;
  return {
    mode: inShadow(config) ? "shadow" : "enforce",
    tolerance: config.tolerance ?? tolerance,
    concurrencyMin: config.minConcurrency ?? concurrencyMin,
    concurrencyMax: config.maxConcurrency ?? concurrencyMax,
  };
}
