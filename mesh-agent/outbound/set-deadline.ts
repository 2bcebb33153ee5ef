/** The smaller of what the caller has left, by gRPC what it asks for, and the service's `timeout`; it covers all attempts. */
import { deadlineAt } from "../../shared/http/deadline.ts";
import { GRPC_TIMEOUT, parseGrpcTimeoutMs } from "../../shared/http/grpc-call.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

export const setDeadline: Stage<OutboundCall> = (call, next) => {
  const { fields } = call.exchange.head;
  const settings = call.cluster?.settings;
  const setMs = settings === undefined ? limits.agent.requestTimeoutMs : settings.timeoutMs || Number.POSITIVE_INFINITY;
  const saidMs = call.isGrpc ? parseGrpcTimeoutMs(fields.get(GRPC_TIMEOUT)) : undefined;
  const ownMs = Math.min(setMs, saidMs ?? Number.POSITIVE_INFINITY);
  call.deadlineMs = deadlineAt(fields.get(DEADLINE), ownMs, call.arrivedAtMs);
  // The gateway gives time until the answer begins; its streams may last.
  if (call.isTranslated) call.endMs = call.arrivedAtMs + ownMs;
  next();
};
