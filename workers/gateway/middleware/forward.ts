import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { dropEnding, type Forwarder, sendOn } from "../upstream/forward-request.ts";

/** Passes the request on and the answer back, bodies streamed and untouched. Other targets are left to the next stage. */
export function forward(forwarder: Forwarder): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { target } = c.get("route");
    if (target.kind !== "forward") return next();
    const outgoing = {
      fields: c.get("fields"),
      query: c.get("target").query,
      body: c.get("body"),
      deadlineAtMs: c.get("deadlineAtMs"),
    };
    const answer = await sendOn(c, target, outgoing, forwarder);
    const response = new Response(answer.body, answer);
    dropEnding(response.headers);
    return response;
  };
}
