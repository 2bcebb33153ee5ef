/** The time that the caller's agent gives, up to the longest that a document can; a caller that says nothing gets the default. */
import { deadlineAt } from "../../shared/http/deadline.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";

export const keepDeadline: Stage = (call, next) => {
  const leftMs = deadlineAt(call.exchange.head.fields.get(DEADLINE), Number.POSITIVE_INFINITY, 0);
  const givenMs = Number.isFinite(leftMs) ? leftMs : limits.agent.requestTimeoutMs;
  call.deadlineMs = call.arrivedAtMs + Math.min(givenMs, limits.document.timeoutMsMax);
  next();
};
