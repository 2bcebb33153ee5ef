/** By gRPC its caller says how long a call may last; the route's time is that until the answer begins. */
import { GRPC_TIMEOUT, parseGrpcTimeoutMs } from "../../../shared/http/grpc-call.ts";
import type { Stage } from "../../proxy/call.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const keepGrpcTimeout: Stage<ExposedCall> = (call, next) => {
  if (call.isGrpc) {
    const saidMs = parseGrpcTimeoutMs(call.exchange.head.fields.get(GRPC_TIMEOUT)) ?? Number.POSITIVE_INFINITY;
    call.endMs = call.arrivedAtMs + saidMs;
    call.deadlineMs = Math.min(call.deadlineMs, call.endMs);
  }
  next();
};
