/** What the answer of an upstream's target, or its absence, says of the target and of another attempt. */
import { type ErrorCode, SelvageError } from "../errors.ts";
import { parseRetryAfterMs } from "../http/retry-after.ts";
import { type AttemptOutcome, type FailedAttempt, mayRetry, type RetryVerdict } from "./retry.ts";
import type { RetrySettings } from "./settings.ts";
import type { TargetOutcome } from "./upstream-targets.ts";

/** How an attempt ended. */
export interface TargetEnding extends Pick<TargetOutcome, "event" | "pauseMs"> {
  /** Absent: nothing that another attempt could mend. */
  readonly outcome?: AttemptOutcome;
  /** `none`: the target has certainly seen nothing. */
  readonly sent: SelvageError["sent"];
}

/**
 * Of an answer.
 * @param retryAfter its field
 * @param nowMs milliseconds since the epoch
 */
export function endingOfAnswer(status: number, retryAfter: string | null, nowMs: number): TargetEnding {
  if (status < 400) return WELL;
  const ending = {
    outcome: { kind: "status", status } as const,
    sent: "body" as const,
    event: status < 500 ? ("success" as const) : ("failure" as const),
  };
  if (status !== 429 && status !== 503) return ending;
  return { ...ending, pauseMs: parseRetryAfterMs(retryAfter ?? undefined, nowMs) };
}

const WELL: TargetEnding = { sent: "body", event: "success" };

/** @param isLate whether the attempt's own time was up. @returns undefined: it says nothing of the target */
export function endingOfFailure(cause: unknown, isLate: boolean): TargetEnding | undefined {
  if (!(cause instanceof SelvageError)) return undefined;
  if (isLate) return { outcome: { kind: "timeout" }, sent: "body", event: "failure" };
  const kind = KINDS[cause.code];
  return kind === undefined ? undefined : { outcome: { kind }, sent: cause.sent, event: "failure" };
}

const KINDS: Partial<Record<ErrorCode, Exclude<AttemptOutcome["kind"], "status">>> = {
  binding_missing: "connect-failure",
  upstream_unreachable: "reset",
  upstream_reset: "reset",
  upstream_invalid: "reset",
  upstream_timeout: "timeout",
};

/**
 * `mayRetry` where the platform does not say why there is no answer: then the words for a connection that was not made and for one
 * that broke off mean the same.
 */
export function mayRetryTarget(settings: RetrySettings, failed: FailedAttempt): RetryVerdict {
  const verdict = mayRetry(settings, failed);
  if (verdict.retry || failed.outcome.kind !== "reset") return verdict;
  const unreached = mayRetry(settings, { ...failed, outcome: { kind: "connect-failure" } });
  return unreached.retry ? unreached : verdict;
}
