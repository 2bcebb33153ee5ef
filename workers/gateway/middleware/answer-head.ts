import { addSecurityFields } from "../../../shared/policy/security-fields.ts";
import { timingOf } from "../telemetry/timing-of.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** What the gateway says on every answer, also on refusals: security headers, `Via` (RFC 9110 section 7.6.3), and what took how long. */
export function answerHead(): Stage {
  return {
    leave: (c) => {
      const { plan } = c.get("held");
      // What inner stages set is absent when the request did not get that far.
      const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
      const security = route?.securityFields ?? plan.securityFields;
      const isTimed = plan.telemetry?.serverTiming === true;
      if (security === undefined && plan.via === undefined && !isTimed) return;
      const headers = answerHeaders(c);
      const connection: GatewayEnv["Variables"]["connection"] | undefined = c.get("connection");
      if (security !== undefined) addSecurityFields(headers, security, connection?.scheme ?? c.get("scheme"));
      if (plan.via === true) headers.append("via", "1.1 selvage");
      // Outside of all that stores answers; what the upstream says of itself stays.
      if (isTimed) headers.append("server-timing", timingOf(c.get("trace"), c.get("arrivedAtMs"), Date.now()));
    },
  };
}
