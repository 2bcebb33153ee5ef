import { coveredMs, serverTiming } from "../../../shared/http/server-timing.ts";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import type { RequestTrace } from "./request-trace.ts";

/** What took how long until now: all of it, calls upstream, and stages that were waited for. @returns a value of `Server-Timing` */
export function timingOf({ inner = [], attempts = [] }: RequestTrace, arrivedAtMs: number, nowMs: number): string {
  const calls = attempts.map(({ startMs, endMs = nowMs }) => ({ startMs, endMs }));
  return serverTiming([
    { name: "total", ms: nowMs - arrivedAtMs },
    ...(calls.length === 0 ? [] : [{ name: "upstream", ms: coveredMs(calls) }]),
    ...inner
      .map(({ name, startMs, endMs }) => ({ name, ms: endMs - startMs }))
      .filter(({ ms }) => ms >= telemetry.timingMsMin),
  ]);
}
