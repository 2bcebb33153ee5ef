/** Whether the caller may make this request; the reason stays in the log. */
import { decideAccess } from "../../shared/auth/access.ts";
import { SelvageError } from "../../shared/errors.ts";
import type { Stage } from "../proxy/call.ts";
import type { InboundCall } from "./inbound-call.ts";

export const authorize: Stage<InboundCall> = (call, next) => {
  const { inbound } = call.plan.plan;
  if (inbound === undefined) throw new SelvageError("access_denied", "the plan does not know this service");
  const { from, scopes } = call;
  const verdict = decideAccess(inbound.access, { from, scopes, method: call.exchange.head.method });
  if (!verdict.allowed) throw new SelvageError(verdict.code, verdict.reason);
  next();
};
