/** What the status of a call by gRPC says: of the endpoint that gave it, and of whether the call may be made again. */
import { grpcCode } from "../http/grpc-call.ts";
import type { RetryOn } from "./settings.ts";

/**
 * As Envoy counts them, by the HTTP status that a code stands for: 5xx. But for UNIMPLEMENTED, which says what a caller asks
 * for, not how the endpoint is: callers must not be able to eject an endpoint by a name that they make up.
 */
const FAILURES: ReadonlySet<number> = new Set([
  grpcCode.unknown,
  grpcCode.deadlineExceeded,
  grpcCode.internal,
  grpcCode.unavailable,
  grpcCode.dataLoss,
]);

/** Whether it counts against the endpoint. */
export function isGrpcFailure(status: number): boolean {
  return FAILURES.has(status);
}

/** Whether the endpoint says that it has too much to do. */
export function isGrpcBusy(status: number): boolean {
  return status === grpcCode.unavailable || status === grpcCode.resourceExhausted;
}

const CODES: Partial<Record<RetryOn, number>> = {
  cancelled: grpcCode.cancelled,
  "deadline-exceeded": grpcCode.deadlineExceeded,
  internal: grpcCode.internal,
  "resource-exhausted": grpcCode.resourceExhausted,
  unavailable: grpcCode.unavailable,
};

/** The status that a word of `retries.on` names; undefined: it is none of gRPC's. */
export function grpcStatusOfWord(word: RetryOn): number | undefined {
  return CODES[word];
}
