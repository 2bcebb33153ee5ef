/** What the end of an attempt says: of the endpoint, of whether another may follow, and to the caller. */
import { type ErrorCode, errorTable, type Sent } from "../../shared/errors.ts";
import { ERROR_CODE, SENT } from "../../shared/http/header-names.ts";
import type { BreakerEvent } from "../../shared/policy/breaker.ts";
import type { AttemptOutcome } from "../../shared/policy/retry.ts";
import type { ExchangeError, ResponseHead } from "../proxy/engine.ts";

export interface Ending {
  /** Absent: nothing that another attempt could mend. */
  readonly outcome?: AttemptOutcome;
  readonly sent: Sent;
  readonly breaker: BreakerEvent;
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
  deadline_exceeded: "timeout",
};

/** Who is full is well. */
const FULL: ReadonlySet<ErrorCode> = new Set(["breaker_open", "overloaded"]);

/** An answer's head; fields of the peer's agent are believed, since its own application cannot set them. */
export function classifyAnswer(head: ResponseHead): Ending {
  const code = head.fields.get(ERROR_CODE);
  if (code !== undefined && Object.hasOwn(errorTable, code))
    return ofPeerError(code as ErrorCode, head.fields.get(SENT));
  if (head.status < 500 && head.status !== 409) return { sent: "body", breaker: "success" };
  const outcome = { kind: "status", status: head.status } as const;
  return { outcome, sent: "body", breaker: head.status < 500 ? "success" : "failure" };
}

function ofPeerError(error: ErrorCode, sentField: string | undefined): Ending {
  const sent: Sent = sentField === "none" || sentField === "head" ? sentField : "body";
  const kind = OUTCOMES[error];
  if (kind === undefined) return { sent, breaker: "success", error };
  const breaker = error === "draining" ? "refused" : FULL.has(error) ? "success" : "failure";
  return { outcome: { kind }, sent, breaker, error };
}

/** No answer at all. */
export function classifyFailure(error: ExchangeError): Ending {
  const { kind, sent } = error;
  if (kind === "connect" || kind === "identity")
    return { outcome: { kind: "connect-failure" }, sent, breaker: "failure", error: "upstream_unreachable" };
  if (kind === "refused") return { outcome: { kind: "refused" }, sent, breaker: "abandoned", error: "breaker_open" };
  if (kind === "timeout") return { outcome: { kind: "timeout" }, sent, breaker: "failure", error: "upstream_timeout" };
  if (kind === "protocol") return { outcome: { kind: "reset" }, sent, breaker: "failure", error: "upstream_invalid" };
  return { outcome: { kind: "reset" }, sent, breaker: "failure", error: "upstream_reset" };
}
