/** When a failed attempt may be tried again (law 7), in Envoy's words for what went wrong. */
import type { Sent } from "../errors.ts";
import { grpcCode } from "../http/grpc-call.ts";
import { limits } from "../limits.ts";
import { grpcStatusOfWord } from "./grpc-status.ts";
import type { RetryOn, RetrySettings } from "./settings.ts";
import { coversPath } from "./traffic.ts";

/** How an attempt ended without success. */
export type AttemptOutcome =
  /** The endpoint could not be reached. */
  | { readonly kind: "connect-failure" }
  /** It broke off, or no head of an answer came within the attempt's time. */
  | { readonly kind: "reset" | "timeout" }
  /** The endpoint refused before the application saw anything: it is leaving or full. */
  | { readonly kind: "refused" }
  /** The application answered. `grpc`: the status of a call by gRPC. */
  | { readonly kind: "status"; readonly status: number; readonly grpc?: number };

export interface FailedAttempt {
  readonly method: string;
  /** Origin-form; what follows `?` does not count. */
  readonly path: string;
  /** `none` only when the application has certainly seen nothing. */
  readonly sent: Sent;
  readonly outcome: AttemptOutcome;
  /** From 1. */
  readonly attempt: number;
  /** Whether the body can be sent again from its first byte. */
  readonly bodyReplayable: boolean;
  /** The caller numbers its attempts: it retries, so this layer does not. */
  readonly callerRetries: boolean;
}

export type RetryVerdict =
  /** `anew`: nothing was sent, so it is not a repetition and needs no pause. */
  { readonly retry: true; readonly anew: boolean } | { readonly retry: false; readonly why: string };

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Whether a method may be repeated by an intermediary without being asked. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Whether an attempt may be followed by another; budget and deadline are asked separately.
 * What was provably not sent may go to another endpoint whatever its method and the document's `on`, so that a stopping
 * endpoint costs no request; it is bounded by the larger of the document's and the default number of attempts.
 */
export function mayRetry(settings: RetrySettings, failed: FailedAttempt): RetryVerdict {
  const { sent, method, attempt, outcome } = failed;
  if (failed.callerRetries) return no("the caller retries by itself");
  if (!failed.bodyReplayable) return no("the body cannot be sent again");
  if (sent === "none") {
    if (attempt > Math.max(settings.attempts, limits.agent.retriesDefault)) return no("no attempts are left");
    return { retry: true, anew: true };
  }
  if (attempt > settings.attempts) return no("no attempts are left");
  if (!mayRepeat(settings, method, failed.path)) return no(`${method} may have had an effect`);
  const isNamed = outcome.kind === "status" && settings.statuses?.includes(outcome.status) === true;
  if (!isNamed && !settings.on.some((on) => covers(on, outcome)))
    return no(`the document does not retry ${wordFor(outcome)}`);
  return { retry: true, anew: false };
}

/** Whether a request that may have had an effect may have it again: by its method, or because the document says so. */
export function mayRepeat({ idempotent = [] }: RetrySettings, method: string, path: string): boolean {
  // What is said in a tunnel nobody knows.
  if (method === "CONNECT") return false;
  return isIdempotent(method) || idempotent === true || idempotent.some((pattern) => coversPath(pattern, path));
}

/** Envoy's `retry_on`: `5xx` and `gateway-error` include that there was no answer at all. */
function covers(on: RetryOn, outcome: AttemptOutcome): boolean {
  const answered = outcome.kind === "status";
  const status = answered ? outcome.status : 0;
  const grpc = grpcStatusOfWord(on);
  if (grpc !== undefined) return grpc === (answered ? outcome.grpc : STATUS_WITHOUT_ANSWER[outcome.kind]);
  if (on === "5xx") return !answered || (status >= 500 && status <= 599);
  if (on === "gateway-error") return !answered || (status >= 502 && status <= 504);
  if (on === "reset") return outcome.kind === "reset" || outcome.kind === "timeout";
  if (on === "connect-failure") return outcome.kind === "connect-failure" || outcome.kind === "refused";
  return status === 409;
}

/** What a caller by gRPC would be told. */
const STATUS_WITHOUT_ANSWER = {
  "connect-failure": grpcCode.unavailable,
  refused: grpcCode.unavailable,
  reset: grpcCode.unavailable,
  timeout: grpcCode.deadlineExceeded,
} as const;

function wordFor(outcome: AttemptOutcome): string {
  if (outcome.kind === "status" && outcome.grpc !== undefined) return `gRPC status ${outcome.grpc}`;
  return outcome.kind === "status" ? `status ${outcome.status}` : outcome.kind;
}

const no = (why: string): RetryVerdict => ({ retry: false, why });

/**
 * Pause before retry `n`: full jitter in [0, (2^n - 1) x base), bounded.
 * @param retry from 1
 * @param random at least 0, below 1
 * @returns milliseconds
 */
export function retryBackoffMs(retry: number, random: number, backoff: RetrySettings["backoff"] = BACKOFF): number {
  return random * Math.min(backoff.maxMs, (2 ** retry - 1) * backoff.baseMs);
}

/** What an answer says of when to come again. */
export interface AskedPause {
  readonly outcome?: AttemptOutcome;
  /** `Retry-After`; 0 or absent: it does not say. */
  readonly pauseMs?: number;
}

/**
 * Pause before a retry. What an answer asks for (`Retry-After`) is waited for, with up to half as much on top so that not all come
 * back at once. A 503 speaks for its instance alone, so another one need not wait; a 429 speaks for the caller wherever it goes.
 * @param backoffMs pause without a word from the answer
 * @param untried whether the retry goes to an instance that this request has not tried
 * @param leftMs until the deadline
 * @param random at least 0, below 1
 * @returns undefined: the pause does not fit into the time that is left, so there is no retry
 */
export function retryPauseMs(
  backoffMs: number,
  { outcome, pauseMs = 0 }: AskedPause,
  untried: boolean,
  leftMs: number,
  random: number,
): number | undefined {
  const isForCaller = outcome?.kind === "status" && outcome.status === 429;
  if (pauseMs === 0 || (untried && !isForCaller)) return backoffMs;
  if (pauseMs > limits.agent.retryAfterMsMax || pauseMs >= leftMs) return undefined;
  return Math.max(backoffMs, pauseMs + random * Math.min(pauseMs / 2, (leftMs - pauseMs) / 2));
}

const BACKOFF = { baseMs: limits.agent.retryBackoffBaseMs, maxMs: limits.agent.retryBackoffMaxMs };
