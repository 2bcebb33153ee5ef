import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "../upstream/exchange.ts";

/**
 * Adds what inner stages have to say to the client beside whatever the answer turned out to be, also a refusal. What they say
 * of storing it stands alone: a service's word to certain caches (RFC 9213) would count for more than a general `no-store`.
 */
export function answerFields(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    await next();
    for (const [name, value] of c.get("answerFields") ?? []) {
      if (name === "cache-control") dropStoring(c.res.headers);
      c.res.headers.append(name, value);
    }
  };
}

function dropStoring(headers: Headers): void {
  const names = [...headers.keys()].filter((name) => /(^|-)cache-control$/.test(name) || name === "surrogate-control");
  for (const name of names) headers.delete(name);
}
