import type { SheddingConfig } from "../config/schema-shedding.ts";
import { limits } from "../limits.ts";
import type { SheddingSettings } from "../policy/load-shedding.ts";
import { mapValues } from "./sorted.ts";

export function compileShedding(config: SheddingConfig): SheddingSettings {
  const { tolerance, concurrencyMin, concurrencyMax } = limits.loadShedding;
  return {
    mode: config.mode ?? "enforce",
    tolerance: config.tolerance ?? tolerance,
    concurrencyMin: config.minConcurrency ?? concurrencyMin,
    concurrencyMax: config.maxConcurrency ?? concurrencyMax,
    plans: mapValues(config.plans ?? {}, (priority) => priority),
  };
}
