/** The smaller of what the caller has left and the service's `timeout`; it covers all attempts. */
import { deadlineAt } from "../../shared/http/deadline.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

export const setDeadline: Stage<OutboundCall> = (call, next) => {
  const ownMs = call.cluster?.settings.timeoutMs ?? limits.agent.requestTimeoutMs;
  call.deadlineMs = deadlineAt(call.exchange.head.fields.get(DEADLINE), ownMs, call.arrivedAtMs);
  next();
};
