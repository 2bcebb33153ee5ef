/**
 * The time that the caller's agent gives, up to the longest that a document can; a caller that says nothing gets the default.
 * By gRPC the caller gives it, and one that says nothing has all the time.
 */
import { deadlineAt } from "../../shared/http/deadline.ts";
import { GRPC_TIMEOUT, parseGrpcTimeoutMs } from "../../shared/http/grpc-call.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";

export const keepDeadline: Stage = (call, next) => {
  const leftMs = deadlineAt(call.exchange.head.fields.get(DEADLINE), Number.POSITIVE_INFINITY, 0);
  if (call.isGrpc) {
    const saidMs = parseGrpcTimeoutMs(call.exchange.head.fields.get(GRPC_TIMEOUT)) ?? Number.POSITIVE_INFINITY;
    call.deadlineMs = call.arrivedAtMs + Math.min(leftMs, saidMs);
    next();
    return;
  }
  const givenMs = Number.isFinite(leftMs) ? leftMs : limits.agent.requestTimeoutMs;
  call.deadlineMs = call.arrivedAtMs + Math.min(givenMs, limits.document.timeoutMsMax);
  next();
};
