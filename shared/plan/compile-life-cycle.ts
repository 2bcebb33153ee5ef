import type { LifeCycleConfig, VersioningConfig } from "../config/schema-life-cycle.ts";
import type { LifeCycle } from "../policy/life-cycle.ts";
import type { Versioning } from "../route/requested-version.ts";

export function compileLifeCycle(config: LifeCycleConfig): LifeCycle {
  const { deprecated, sunset, afterSunset, successor, docs, policy, brownouts = [] } = config;
  const times = brownouts
    .map(({ from, until, percent }) => ({
      fromMs: Date.parse(from),
      untilMs: Date.parse(until),
      percent: percent ?? 100,
    }))
    .sort((a, b) => a.fromMs - b.fromMs || a.untilMs - b.untilMs);
  return {
    ...(deprecated !== undefined && { deprecatedAtMs: Date.parse(deprecated) }),
    ...(sunset !== undefined && { sunsetAtMs: Date.parse(sunset) }),
    ...(afterSunset === "serve" && { servesAfterSunset: true }),
    ...(successor !== undefined && { successor }),
    ...(docs !== undefined && { docs }),
    ...(policy !== undefined && { policy }),
    ...(times.length > 0 && { brownouts: times }),
    ...(config.mode === "shadow" && { mode: config.mode }),
  };
}

export function compileVersioning({ header, query, mediaType, default: byDefault }: VersioningConfig): Versioning {
  const source =
    header !== undefined
      ? { header: header.toLowerCase() }
      : query !== undefined
        ? { query }
        : { mediaType: mediaType ?? "" };
  return { source, ...(byDefault !== undefined && { byDefault }) };
}
