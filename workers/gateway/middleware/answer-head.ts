import { addSecurityFields } from "../../../shared/policy/security-fields.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** What the gateway says on every answer, also on refusals: security headers, and `Via` (RFC 9110 section 7.6.3). */
export function answerHead(): Stage {
  return {
    leave: (c) => {
      const { plan } = c.get("held");
      // What inner stages set is absent when the request did not get that far.
      const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
      const security = route?.securityFields ?? plan.securityFields;
      if (security === undefined && plan.via === undefined) return;
      const headers = answerHeaders(c);
      const connection: GatewayEnv["Variables"]["connection"] | undefined = c.get("connection");
      if (security !== undefined) addSecurityFields(headers, security, connection?.scheme ?? c.get("scheme"));
      if (plan.via === true) headers.append("via", "1.1 selvage");
    },
  };
}
