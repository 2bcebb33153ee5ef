import type { AggregateTarget } from "../../../shared/policy/aggregate-settings.ts";
import type { EdgeCache } from "../cache/edge-cache.ts";
import type { Env } from "../env.ts";
import type { Composer } from "../upstream/composer.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Forwarder } from "../upstream/forward-request.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers that are composed of several calls. What composes them is loaded by the first request that needs it. */
export function aggregate(forwarder: Forwarder, edgeOf: (env: Env) => EdgeCache): Stage {
  let composer: Composer | undefined;
  const load = async (c: Context<GatewayEnv>, target: AggregateTarget): Promise<Response> => {
    const { Composer: Composing } = await import("../upstream/composer.ts");
    composer ??= new Composing(forwarder, edgeOf);
    return composer.compose(c, target);
  };
  return {
    enter: (c) => {
      const { target } = c.get("route");
      if (target.kind !== "aggregate") return undefined;
      return composer === undefined ? load(c, target) : composer.compose(c, target);
    },
  };
}
