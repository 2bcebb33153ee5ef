import type { CounterState } from "../../../shared/policy/counters.ts";
import { CachedExchange } from "../cache/cached-exchange.ts";
import { EdgeCache } from "../cache/edge-cache.ts";
import { exchangeOf } from "../cache/exchange-of.ts";
import { invalidationBeside } from "../cache/neighbour.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Forwarder } from "../upstream/forward-request.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Answers from what is stored where the route has a cache. It calls the upstream itself, since one request may need none, one or
 * two calls, or one that goes on after its answer.
 */
export function cache(forwarder: Forwarder, counters: CounterState): Stage {
  let known: EdgeCache | undefined;
  const edgeOf = (c: Context<GatewayEnv>): EdgeCache => {
    known ??= new EdgeCache(c.env, counters);
    return known;
  };
  return {
    enter: (c) => {
      const { cache: settings, target } = c.get("route");
      if (settings === undefined || target.kind !== "forward" || c.get("upgrade") !== undefined) return undefined;
      const exchange = exchangeOf(edgeOf(c), c, { settings, target, forwarder });
      return exchange instanceof Promise
        ? exchange.then((one) => new CachedExchange(one).answer())
        : new CachedExchange(exchange).answer();
    },
    leave: (c) => {
      const invalid = invalidationBeside(c);
      return invalid && edgeOf(c).invalidate(invalid, c.executionCtx);
    },
  };
}
