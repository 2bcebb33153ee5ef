import { SelvageError } from "../../../shared/errors.ts";
import { forwardingFields, hopsIn } from "../../../shared/http/forwarding-fields.ts";
import { TRACESTATE } from "../../../shared/http/header-names.ts";
import { withExplained } from "../../../shared/http/trace-state.ts";
import { limits } from "../../../shared/limits.ts";
import { inwardFields } from "../../../shared/policy/inward-fields.ts";
import { connectionOf } from "../upstream/client-connection.ts";
import { RequestFields } from "../upstream/request-fields.ts";
import type { Stage } from "../upstream/stages.ts";

/** The fields that go on inside: the client's without what would be believed there, and what the edge itself says. */
export function stripFields(): Stage {
  return {
    enter: (c) => {
      const head = c.get("head");
      const { plan, believed } = c.get("held");
      const connection = connectionOf(c.req.raw, c.get("scheme"), plan.tlsTerminator);
      const fields = new RequestFields(c.req.raw.headers, head);
      const field = (name: string): string | undefined => head.get(name);
      const received = { names: head.keys(), field, dropped: c.get("dropped"), believed };
      const { ended, cookies, tracestate } = inwardFields(received);
      const { authority } = c.get("target");
      const hops = hopsIn(head.get("via"));
      if (hops >= limits.reshape.viaHopsMax) throw new SelvageError("loop_detected", `passed ${hops} gateways before`);
      const forwarded = { clientIp: c.get("clientIp"), authority, scheme: connection.scheme, hops };
      fields.passEdge(ended, () => forwardingFields(forwarded));
      if (cookies !== undefined) fields.set("cookie", cookies);
      if (tracestate !== undefined) fields.set("tracestate", tracestate);
      if (c.get("explained") !== undefined) fields.set(TRACESTATE, withExplained(fields.get(TRACESTATE) ?? ""));
      c.set("fields", fields);
      c.set("connection", connection);
      return undefined;
    },
  };
}
