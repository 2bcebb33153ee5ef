import type { MiddlewareHandler } from "hono";
import { corsFields, preflightFields } from "../../../shared/policy/cors.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Answers preflights itself, without credentials, and marks every other answer, also refusals. */
export function cors(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const settings = c.get("held").plan.cors;
    if (settings === undefined) return next();
    const { headers, method } = c.req.raw;
    const origin = headers.get("origin") ?? undefined;
    const asked = method === "OPTIONS" ? headers.get("access-control-request-method") : null;
    if (origin !== undefined && asked !== null) {
      const preflight = { origin, method: asked, headers: headers.get("access-control-request-headers") ?? undefined };
      return new Response(null, { status: 204, headers: preflightFields(settings, preflight).map(([a, b]) => [a, b]) });
    }
    await next();
    // The upstream's own say on this would be a second one.
    for (const name of OWNED) c.res.headers.delete(name);
    for (const [name, value] of corsFields(settings, origin))
      if (name === "vary") c.res.headers.append(name, value);
      else c.res.headers.set(name, value);
  };
}

const OWNED = ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"];
