import type { MiddlewareHandler } from "hono";
import { withoutOwnCookies } from "../../../shared/http/cookies.ts";
import { forwardingFields } from "../../../shared/http/forwarding-fields.ts";
import { TRACEPARENT, TRACESTATE } from "../../../shared/http/header-names.ts";
import { parseTraceparent } from "../../../shared/http/trace-context.ts";
import { believedFields } from "../../../shared/plan/believed-fields.ts";
import { forgedFields } from "../../../shared/policy/identity-headers.ts";
import { connectionOf } from "../upstream/client-connection.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** The fields that go on inside: the client's without what would be believed there, and what the edge itself says. */
export function stripFields(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { headers } = c.req.raw;
    const { plan } = c.get("held");
    const connection = connectionOf(c.req.raw, plan.tlsTerminator);
    const fields = new Headers(headers);
    for (const name of c.get("dropped")) fields.delete(name);
    const believed = believedFields(plan);
    if (believed.length > 0) for (const name of forgedFields(believed, headers.keys())) fields.delete(name);
    // A `tracestate` belongs to its `traceparent` (Trace Context section 3.3.1).
    if (headers.has(TRACESTATE) && parseTraceparent(headers.get(TRACEPARENT) ?? undefined) === undefined)
      fields.delete(TRACESTATE);
    const cookies = headers.get("cookie");
    if (cookies !== null) keepCookies(fields, withoutOwnCookies(cookies));
    const { scheme } = connection;
    const { authority } = c.get("target");
    for (const [name, value] of forwardingFields({ clientIp: c.get("clientIp"), authority, scheme }))
      fields.set(name, value);
    c.set("fields", fields);
    c.set("connection", connection);
    await next();
  };
}

function keepCookies(fields: Headers, cookies: string): void {
  if (cookies === "") fields.delete("cookie");
  else fields.set("cookie", cookies);
}
