import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Adds what inner stages have to say to the client beside whatever the answer turned out to be, also a refusal. */
export function answerFields(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    await next();
    for (const [name, value] of c.get("answerFields") ?? []) c.res.headers.append(name, value);
  };
}
