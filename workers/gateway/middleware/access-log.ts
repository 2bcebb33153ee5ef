import type { MiddlewareHandler } from "hono";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { TRACEPARENT } from "../../../shared/http/header-names.ts";
import { childContext, parseTraceparent } from "../../../shared/http/trace-context.ts";
import { limits } from "../../../shared/limits.ts";
import { clientIpOf } from "../upstream/client-ip.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/**
 * Continues or starts the trace, and writes one line for each request, whatever becomes of it.
 * @param instance the isolate's name
 */
export function accessLog(instance: string): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const arrivedAtMs = Date.now();
    const random = crypto.getRandomValues(new Uint8Array(24));
    c.set("arrivedAtMs", arrivedAtMs);
    c.set("trace", childContext(parseTraceparent(c.req.raw.headers.get(TRACEPARENT) ?? undefined), random));
    c.set("clientIp", clientIpOf(c.req.raw, c.env.CLIENT_IP));
    await next();
    const { traceId, spanId } = c.get("trace");
    // Those set by inner stages are absent when the request did not get that far.
    const seen: Partial<GatewayEnv["Variables"]> = {
      held: c.get("held"),
      target: c.get("target"),
      route: c.get("route"),
      identity: c.get("identity"),
      failure: c.get("failure"),
    };
    const clientIp = c.get("clientIp");
    const entry: AccessLogEntry = {
      time: new Date(arrivedAtMs).toISOString(),
      kind: "access",
      hop: "gateway",
      service: "gateway",
      instance,
      traceId,
      spanId,
      method: c.req.raw.method,
      host: seen.target?.host.slice(0, limits.gateway.logTextCharsMax) ?? "",
      path: seen.target?.path.slice(0, limits.gateway.logTextCharsMax) ?? "",
      status: c.res.status,
      durationMs: Date.now() - arrivedAtMs,
      plan: seen.held?.version ?? 0,
      ...(seen.route && { route: seen.route.name }),
      ...(seen.identity && { sub: seen.identity.sub }),
      ...(clientIp !== undefined && { clientIp }),
      ...(seen.failure && { error: seen.failure.code, reason: seen.failure.reason }),
    };
    console.log(JSON.stringify(entry));
  };
}
