import type { Context } from "../upstream/context.ts";
import { withoutEnding } from "../upstream/ending-fields.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { type Forwarder, type ForwardTarget, sendOn } from "../upstream/forward-request.ts";
import type { Stage } from "../upstream/stages.ts";

/** Passes the request on and the answer back, bodies streamed and untouched. Other targets are left to the next stage. */
export function forward(forwarder: Forwarder): Stage {
  return {
    enter: (c) => {
      const { target } = c.get("route");
      return target.kind === "forward" ? pass(c, target, forwarder) : undefined;
    },
  };
}

async function pass(c: Context<GatewayEnv>, target: ForwardTarget, forwarder: Forwarder): Promise<Response> {
  const outgoing = {
    fields: c.get("fields"),
    query: c.get("target").query,
    body: c.get("body"),
    deadlineAtMs: c.get("deadlineAtMs"),
  };
  const answer = await sendOn(c, target, outgoing, forwarder);
  const response = withoutEnding(answer);
  if (response === answer) c.set("passedOn", answer);
  return response;
}
