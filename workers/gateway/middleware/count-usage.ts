import { limits } from "../../../shared/limits.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { UsagePoints } from "../env.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";
import { UsageCounts } from "../upstream/usage-counts.ts";

/** Counts each request by who made it, how it ended and how long it took, and tells Analytics Engine of it where there is one. */
export function countUsage(counters: CounterState): Stage {
  const counts = new UsageCounts(counters);
  return {
    leave: (c) => {
      // What inner stages set is absent when the request did not get that far.
      const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
      const identity: GatewayEnv["Variables"]["identity"] | undefined = c.get("identity");
      const nowMs = Date.now();
      c.set("answeredAtMs", nowMs);
      const tookMs = nowMs - c.get("arrivedAtMs");
      counts.count(route?.name ?? "", identity, c.res.status, tookMs);
      if (c.env.USAGE !== undefined) writePoint(c, c.env.USAGE, tookMs);
    },
  };
}

/** Columns as docs/usage.md names them. */
function writePoint(c: Context<GatewayEnv>, points: UsagePoints, tookMs: number): void {
  const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
  const identity: GatewayEnv["Variables"]["identity"] | undefined = c.get("identity");
  const held: GatewayEnv["Variables"]["held"] | undefined = c.get("held");
  const told = (text: string | undefined): string => text?.slice(0, limits.usage.pointCharsMax) ?? "";
  // The index is held to bytes, and names of routes are ASCII.
  points.writeDataPoint({
    indexes: [told(route?.name)],
    blobs: [
      ...[told(route?.name), told(identity?.consumer), told(identity?.plan), told(c.get("method"))],
      ...[String(c.res.status), told(c.get("failure")?.code), told(c.get("cacheUse"))],
    ],
    doubles: [1, tookMs, c.res.status, held?.version ?? 0],
  });
}
