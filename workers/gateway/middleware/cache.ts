import { CachedExchange } from "../cache/cached-exchange.ts";
import type { EdgeCache } from "../cache/edge-cache.ts";
import { exchangeOf } from "../cache/exchange-of.ts";
import { invalidationBeside } from "../cache/neighbour.ts";
import type { Env } from "../env.ts";
import type { Forwarder } from "../upstream/forward-request.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Answers from what is stored where the route has a cache. It calls the upstream itself, since one request may need none, one or
 * two calls, or one that goes on after its answer.
 */
export function cache(forwarder: Forwarder, edgeOf: (env: Env) => EdgeCache): Stage {
  return {
    enter: (c) => {
      const { cache: settings, target } = c.get("route");
      if (settings === undefined || target.kind !== "forward" || c.get("upgrade") !== undefined) return undefined;
      const exchange = exchangeOf(edgeOf(c.env), c, { settings, target, forwarder });
      return exchange instanceof Promise
        ? exchange.then((one) => new CachedExchange(one).answer())
        : new CachedExchange(exchange).answer();
    },
    leave: (c) => {
      const invalid = invalidationBeside(c);
      return invalid && edgeOf(c.env).invalidate(invalid, c.executionCtx);
    },
  };
}
