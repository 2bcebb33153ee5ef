import type { MiddlewareHandler } from "hono";
import { findClientAddress } from "../../../shared/http/client-ip.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Whose address counts as the client's: who is connected to us, or whom the proxies that the plan trusts name. */
export function findClient(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { headers } = c.req.raw;
    const found = findClientAddress(c.get("clientIp"), (name) => headers.get(name), c.get("held").clientIp);
    c.set("clientIp", found.address);
    await next();
  };
}
