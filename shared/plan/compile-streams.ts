/** What a route of the gateway says of WebSockets and of answers that stream. */
import type { RouteConfig } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import type { RoutePlan } from "./plan.ts";
import { sorted } from "./sorted.ts";

type Streams = Pick<RoutePlan, "upgrades" | "streamIdleMs" | "upgradedMax">;

export function compileStreams({ upgrades, streamIdle, maxConnections }: RouteConfig): Streams {
  const streamIdleMs = streamIdle === "off" ? 0 : parseDurationMs(streamIdle ?? "");
  return {
    ...(upgrades !== undefined && { upgrades: sorted(upgrades.map((name) => name.toLowerCase())) }),
    ...(streamIdleMs !== undefined && { streamIdleMs }),
    ...(maxConnections !== undefined && { upgradedMax: maxConnections }),
  };
}
