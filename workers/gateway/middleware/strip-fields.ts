import { withoutOwnCookies } from "../../../shared/http/cookies.ts";
import { forwardingFields } from "../../../shared/http/forwarding-fields.ts";
import { TRACEPARENT, TRACESTATE } from "../../../shared/http/header-names.ts";
import { parseTraceparent } from "../../../shared/http/trace-context.ts";
import { believedFields } from "../../../shared/plan/believed-fields.ts";
import { forgedFields } from "../../../shared/policy/identity-headers.ts";
import { connectionOf } from "../upstream/client-connection.ts";
import { RequestFields } from "../upstream/request-fields.ts";
import type { Stage } from "../upstream/stages.ts";

/** The fields that go on inside: the client's without what would be believed there, and what the edge itself says. */
export function stripFields(): Stage {
  return {
    enter: (c) => {
      const head = c.get("head");
      const { plan } = c.get("held");
      const connection = connectionOf(c.req.raw, c.get("scheme"), plan.tlsTerminator);
      const fields = new RequestFields(c.req.raw.headers, head);
      for (const name of c.get("dropped")) fields.delete(name);
      const believed = believedFields(plan);
      if (believed.length > 0) for (const name of forgedFields(believed, head.keys())) fields.delete(name);
      // A `tracestate` belongs to its `traceparent` (Trace Context section 3.3.1).
      if (head.has(TRACESTATE) && parseTraceparent(head.get(TRACEPARENT)) === undefined) fields.delete(TRACESTATE);
      const cookies = head.get("cookie");
      if (cookies !== undefined) keepCookies(fields, cookies);
      const { authority } = c.get("target");
      const forwarded = { clientIp: c.get("clientIp"), authority, scheme: connection.scheme };
      fields.sayForwarded(() => forwardingFields(forwarded));
      c.set("fields", fields);
      c.set("connection", connection);
      return undefined;
    },
  };
}

function keepCookies(fields: RequestFields, cookies: string): void {
  const kept = withoutOwnCookies(cookies);
  if (kept === cookies) return;
  if (kept === "") fields.delete("cookie");
  else fields.set("cookie", kept);
}
