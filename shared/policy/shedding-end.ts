/** What the end of a request says of its upstream's load. */
import { type ErrorCode, SelvageError } from "../errors.ts";

/**
 * `overloaded`: the upstream said so, or did not answer in time. `abandoned`: who asked left before the answer, which says something
 * when that was late already. `failed`: says nothing of load.
 */
export type SheddingEnd = "answered" | "overloaded" | "abandoned" | "failed";

/**
 * What a status says of load. Errors come fast and would look like an upstream with much to spare.
 * @param isStreaming the request's body came from the client as it went: how long that took is the client's doing
 */
export function endOfAnswer(status: number, isStreaming = false): SheddingEnd {
  if (status === 503 || status === 504) return "overloaded";
  return status >= 500 || status === 429 || isStreaming ? "failed" : "answered";
}

/** @param isStreaming as for an answer */
export function endOfFailure(cause: unknown, isStreaming = false): SheddingEnd {
  if (!(cause instanceof SelvageError)) return "failed";
  return isStreaming && cause.code !== "breaker_open" ? "failed" : endOfCode(cause.code);
}

export function endOfCode(code: ErrorCode): SheddingEnd {
  return code === "upstream_timeout" || code === "deadline_exceeded" || code === "breaker_open"
    ? "overloaded"
    : "failed";
}
