/** Connections that change their protocol, and streams: `upgrades` of a service, and what a route of the gateway says of both. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { canBePassedOn } from "../policy/upgrade.ts";
import { text, whole } from "./fields.ts";
import { streamIdle } from "./schema-protocol.ts";

const { upgradesMax } = limits.agent;

export const upgrades = z
  .array(
    text("the name of a protocol such as websocket", /^[^\s,]{1,129}$/, (given) =>
      typeof given === "string" ? given.trim().toLowerCase() : undefined,
    ).refine(canBePassedOn, {
      error: "a protocol that a request can change to (h2c, TLS and HTTP itself are of each connection)",
    }),
  )
  .max(upgradesMax, { error: `a list of at most ${upgradesMax}` });

/** Keys of a route. */
export const routeStreams = {
  upgrades: upgrades.optional().describe("Protocols that requests may change to: `websocket`. Default: none."),
  streamIdle: streamIdle
    .optional()
    .describe(
      "How long a WebSocket or an answer that streams may stand still, or `off`; where a front stands before the gateway. Default: 5m for WebSockets, off for answers.",
    ),
  maxConnections: whole(1, limits.front.tunnelsMax)
    .optional()
    .describe("WebSockets of the route at once; for each front that stands before the gateway."),
} as const;
