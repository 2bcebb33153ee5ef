/** Which answers are kept under an idempotency key, and what of them. */
import type { SelvageError } from "../errors.ts";
import { grpcCode } from "../http/grpc-call.ts";
import { HOP_BY_HOP } from "../http/header-names.ts";
import { limits } from "../limits.ts";
import type { IdempotencyOutcome } from "./idempotency.ts";

/** On an answer that was given before. */
export const REPLAYED = "idempotency-replayed";

/** Statuses by which a server says that it did nothing and another time may be better (RFC 9110 section 15.5, RFC 8470, RFC 6585). */
const NOTHING_DONE: ReadonlySet<number> = new Set([401, 407, 408, 409, 425, 429]);

/**
 * What an answer of the upstream means for its key. Answers are kept whether they are good or bad (section 2.6), also 500: the
 * upstream has begun. Those that say that nothing was done release the key. 502, 503, 504 and Cloudflare's 520 to 530 come from
 * somebody before the upstream who does not know; 503 with `Retry-After` asks to be tried again.
 */
export function outcomeOfAnswer(status: number, hasRetryAfter: boolean): IdempotencyOutcome {
  if (NOTHING_DONE.has(status) || (status === 503 && hasRetryAfter)) return "released";
  if ((status >= 502 && status <= 504) || (status >= 520 && status <= 530)) return "unknown";
  return "kept";
}

/** Codes by which a server says the same: RESOURCE_EXHAUSTED is 429, ABORTED 409, UNAUTHENTICATED 401. */
const NO_CALL_DONE: ReadonlySet<number> = new Set([
  grpcCode.resourceExhausted,
  grpcCode.aborted,
  grpcCode.unauthenticated,
]);
/** CANCELLED, DEADLINE_EXCEEDED and UNAVAILABLE may come from somebody before the server. */
const NOBODY_KNOWS: ReadonlySet<number> = new Set([
  grpcCode.cancelled,
  grpcCode.deadlineExceeded,
  grpcCode.unavailable,
]);

/**
 * The same of a call by gRPC, whose answers are all 200 and say at their end how the call ended.
 * @param code of `grpc-status`; undefined: the call ended without one
 * @param pushbackMs of `grpc-retry-pushback-ms` (gRFC A6), by which UNAVAILABLE asks to be tried again
 */
export function outcomeOfCall(code: number | undefined, pushbackMs: number | undefined): IdempotencyOutcome {
  if (code === undefined) return "unknown";
  if (NO_CALL_DONE.has(code)) return "released";
  if (code === grpcCode.unavailable && pushbackMs !== undefined && pushbackMs >= 0) return "released";
  return NOBODY_KNOWS.has(code) ? "unknown" : "kept";
}

/** What it means when there is no answer of the upstream: released only when nothing of the request can have reached it. */
export function outcomeOfFailure({ sent }: Pick<SelvageError, "sent">): IdempotencyOutcome {
  return sent === "none" ? "released" : "unknown";
}

/**
 * Fields that were true of the first time only, or were meant for one recipient. `set-cookie` is never written down: whoever
 * guesses a key would get a session with it.
 */
const OF_ITS_TIME: ReadonlySet<string> = new Set([
  "set-cookie",
  "set-cookie2",
  "date",
  "age",
  "alt-svc",
  "server-timing",
  "authentication-info",
  "proxy-authentication-info",
  "dpop-nonce",
  "content-length",
]);

/**
 * The fields of an answer that are kept.
 * @param fields names in lower case
 * @returns undefined when they are too many to keep
 */
export function keptFields(
  fields: Iterable<readonly [name: string, value: string]>,
): [name: string, value: string][] | undefined {
  const kept: [string, string][] = [];
  let bytes = 0;
  for (const [name, value] of fields) {
    if (OF_ITS_TIME.has(name) || HOP_BY_HOP.has(name)) continue;
    bytes += name.length + value.length + 4;
    kept.push([name, value]);
  }
  return bytes > limits.idempotency.answerFieldsBytesMax ? undefined : kept;
}
