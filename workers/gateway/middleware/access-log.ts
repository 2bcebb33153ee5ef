import type { Context, MiddlewareHandler } from "hono";
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
    const random = crypto.getRandomValues(new Uint8Array(24));
    c.set("arrivedAtMs", Date.now());
    c.set("trace", childContext(parseTraceparent(c.req.raw.headers.get(TRACEPARENT) ?? undefined), random));
    c.set("clientIp", clientIpOf(c.req.raw, c.env.CLIENT_IP));
    await next();
    const entry = entryOf(c, instance);
    const write = (): void => console.log(JSON.stringify({ ...entry, ...wouldRefuseOf(c) }));
    const shadows = c.get("shadowLimits");
    // The line waits for what they say, the answer does not.
    if (shadows === undefined) write();
    else c.executionCtx.waitUntil(shadows.then(write));
  };
}

function entryOf(c: Context<GatewayEnv>, instance: string): AccessLogEntry {
  const arrivedAtMs = c.get("arrivedAtMs");
  const { traceId, spanId } = c.get("trace");
  const clientIp = c.get("clientIp");
  const failure = c.get("failure");
  const grpcStatus = c.get("grpcStatus");
  const uncounted = c.get("uncounted");
  const cache = c.get("cacheUse");
  // What inner stages set is absent when the request did not get that far.
  const target: GatewayEnv["Variables"]["target"] | undefined = c.get("target");
  const held: GatewayEnv["Variables"]["held"] | undefined = c.get("held");
  const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
  const identity: GatewayEnv["Variables"]["identity"] | undefined = c.get("identity");
  return {
    time: new Date(arrivedAtMs).toISOString(),
    kind: "access",
    hop: "gateway",
    service: "gateway",
    instance,
    traceId,
    spanId,
    method: c.req.raw.method,
    host: target?.host.slice(0, limits.gateway.logTextCharsMax) ?? "",
    path: target?.path.slice(0, limits.gateway.logTextCharsMax) ?? "",
    status: c.res.status,
    durationMs: Date.now() - arrivedAtMs,
    plan: held?.version ?? 0,
    ...(route && { route: route.name }),
    ...(identity && { sub: identity.sub }),
    ...(clientIp !== undefined && { clientIp }),
    ...(cache && { cache }),
    ...(failure && { error: failure.code, reason: failure.reason }),
    ...(grpcStatus !== undefined && { grpcStatus }),
    ...(uncounted !== undefined && { uncounted }),
  };
}

function wouldRefuseOf(c: Context<GatewayEnv>): Pick<AccessLogEntry, "wouldRefuse"> {
  const wouldRefuse = c.get("wouldRefuse");
  return wouldRefuse === undefined ? {} : { wouldRefuse };
}
