/** What the end of an attempt says: of the endpoint, of whether another may follow, and to the caller. */
import { type ErrorCode, errorTable, type Sent } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import {
  GRPC_PUSHBACK,
  GRPC_STATUS,
  grpcCode,
  grpcStatusOfHttp,
  parseGrpcStatus,
  parsePushbackMs,
} from "../../shared/http/grpc-call.ts";
import { ERROR_CODE, SENT } from "../../shared/http/header-names.ts";
import { parseRetryAfterMs } from "../../shared/http/retry-after.ts";
import type { BreakerEvent } from "../../shared/policy/breaker.ts";
import { isGrpcBusy, isGrpcFailure } from "../../shared/policy/grpc-status.ts";
import type { AttemptOutcome } from "../../shared/policy/retry.ts";
import type { ExchangeError, ResponseHead } from "../proxy/engine.ts";

export interface Ending {
  /** Absent: nothing that another attempt could mend. */
  readonly outcome?: AttemptOutcome;
  readonly sent: Sent;
  readonly breaker: BreakerEvent;
  /** Set when the endpoint is too busy: how long it asks to be left alone; 0: it does not say. */
  readonly pauseMs?: number;
  /** By gRPC: when the server wants the call repeated; negative: not at all. */
  readonly pushbackMs?: number;
  /** Set when an agent made the answer or there is none. */
  readonly error?: ErrorCode;
}

const OUTCOMES: Partial<
  Record<ErrorCode, AttemptOutcome["kind"] & ("connect-failure" | "reset" | "timeout" | "refused")>
> = {
  draining: "refused",
  breaker_open: "refused",
  overloaded: "refused",
  app_unreachable: "connect-failure",
  app_reset: "reset",
  upstream_invalid: "reset",
  deadline_exceeded: "timeout",
};

/** Who is full is well. */
const FULL: ReadonlySet<ErrorCode> = new Set(["breaker_open", "overloaded"]);

/**
 * An answer's head; fields of the peer's agent are believed, since its own application cannot set them.
 * @param nowMs milliseconds since the epoch
 * @param isGrpc whether it answers a call by gRPC, whose status may be in the head already
 */
export function classifyAnswer(head: ResponseHead, nowMs: number, isGrpc: boolean): Ending {
  const code = head.fields.get(ERROR_CODE);
  if (code !== undefined && Object.hasOwn(errorTable, code)) return ofPeerError(code as ErrorCode, head, nowMs);
  if (isGrpc && head.fields.has(GRPC_STATUS)) return classifyGrpc(head.fields);
  if (head.status < 400) return WELL;
  const grpc = isGrpc ? { grpc: grpcStatusOfHttp(head.status) } : {};
  const outcome = { kind: "status", status: head.status, ...grpc } as const;
  const ending: Ending = { outcome, sent: "body", breaker: head.status < 500 ? "success" : "failure" };
  if (head.status !== 429 && head.status !== 503) return ending;
  return { ...ending, pauseMs: parseRetryAfterMs(head.fields.get("retry-after"), nowMs) };
}

/** How a call by gRPC ended. @param fields those that have its status, of the head or the trailers; none counts as UNKNOWN */
export function classifyGrpc(fields: FieldList): Ending {
  const status = parseGrpcStatus(fields.get(GRPC_STATUS)) ?? grpcCode.unknown;
  if (status === grpcCode.ok) return WELL;
  const pushbackMs = parsePushbackMs(fields.get(GRPC_PUSHBACK));
  return {
    outcome: { kind: "status", status: 200, grpc: status },
    sent: "body",
    breaker: isGrpcFailure(status) ? "failure" : "success",
    ...(isGrpcBusy(status) && { pauseMs: Math.max(0, pushbackMs ?? 0) }),
    ...(pushbackMs !== undefined && { pushbackMs }),
  };
}

const WELL: Ending = { sent: "body", breaker: "success" };

function ofPeerError(error: ErrorCode, { fields }: ResponseHead, nowMs: number): Ending {
  const sentField = fields.get(SENT);
  const sent: Sent = sentField === "none" || sentField === "head" ? sentField : "body";
  // Each instance counts for itself: this one is well, and others may let the next call through.
  if (error === "limit_exceeded")
    return { sent, breaker: "success", error, pauseMs: parseRetryAfterMs(fields.get("retry-after"), nowMs) };
  const kind = OUTCOMES[error];
  if (kind === undefined) return { sent, breaker: "success", error };
  const breaker = error === "draining" ? "refused" : FULL.has(error) ? "success" : "failure";
  return { outcome: { kind }, sent, breaker, error, ...(FULL.has(error) && { pauseMs: 0 }) };
}

/** No answer at all. */
export function classifyFailure(error: ExchangeError): Ending {
  const { kind, sent } = error;
  if (kind === "connect" || kind === "identity")
    return { outcome: { kind: "connect-failure" }, sent, breaker: "failure", error: "upstream_unreachable" };
  if (kind === "refused") return { outcome: { kind: "refused" }, sent, breaker: "abandoned", error: "breaker_open" };
  if (kind === "timeout") return { outcome: { kind: "timeout" }, sent, breaker: "failure", error: "upstream_timeout" };
  if (kind === "protocol") return { outcome: { kind: "reset" }, sent, breaker: "failure", error: "upstream_invalid" };
  // That an idle connection is closed says nothing of how well the endpoint is.
  const breaker = error.isStale ? "abandoned" : "failure";
  return { outcome: { kind: "reset" }, sent, breaker, error: "upstream_reset" };
}
