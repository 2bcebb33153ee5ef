import type { RequestFacts } from "../../../shared/policy/reshape-scope.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** What templates and expressions know of a request. Its fields are read when they are asked for. */
export function requestFacts(c: Context<GatewayEnv>): RequestFacts {
  const { host, query } = c.get("target");
  const { traceId, spanId } = c.get("trace");
  return {
    identity: c.get("identity"),
    params: c.get("params"),
    method: c.req.raw.method,
    host,
    path: c.get("path"),
    query,
    scheme: c.get("connection").scheme,
    clientIp: c.get("clientIp"),
    spanId,
    traceId,
    fields: c.get("fields"),
  };
}
