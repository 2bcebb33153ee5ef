import type { FaultConfig } from "../config/schema-fault.ts";
import { parseDurationMs, parseSizeBytes } from "../config/units.ts";
import type { FaultRule } from "../policy/settings.ts";
import { compileMatch } from "./compile-traffic.ts";

/** One of a service's `faults`. */
export function compileFault({ match, until, delay, abort, reset, slowBody }: FaultConfig): FaultRule {
  return {
    ...compileMatch(match),
    untilMs: Date.parse(until),
    ...(delay !== undefined && { delay: { percent: delay.percent, delayMs: parseDurationMs(delay.time) ?? 0 } }),
    ...(abort !== undefined && { abort }),
    ...(reset !== undefined && { reset }),
    ...(slowBody !== undefined && {
      slowBody: { percent: slowBody.percent, bytesPerSecond: parseSizeBytes(slowBody.bytesPerSecond) ?? 0 },
    }),
  };
}
