/** The time that the caller's agent gives; a caller that says nothing gets the default. */
import { deadlineAt } from "../../shared/http/deadline.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";

export const keepDeadline: Stage = (call, next) => {
  const asked = deadlineAt(call.exchange.head.fields.get(DEADLINE), Number.POSITIVE_INFINITY, call.arrivedAtMs);
  call.deadlineMs = Number.isFinite(asked) ? asked : call.arrivedAtMs + limits.agent.requestTimeoutMs;
  next();
};
