/**
 * One request under an idempotency key, draft-ietf-httpapi-idempotency-key-header-07 section 2: who may carry it out, and what
 * those hear who ask again. The clock is that of the object that has the record, and of no other.
 */

export interface IdempotencySettings {
  /** Whether a request without a key is refused. */
  readonly required: boolean;
  /** How long an answer, or that there is none, is remembered. */
  readonly ttlMs: number;
  /** Upper case, sorted. */
  readonly methods: readonly string[];
  /** Field that carries the key, in lower case. */
  readonly header: string;
  /** Whether keys without quotes are taken, as clients of older APIs send them. */
  readonly unquoted: boolean;
  /** Fields that belong to the fingerprint, in lower case, sorted. */
  readonly fingerprintHeaders: readonly string[];
  readonly answerBytesMax: number;
  /** How long an equal request waits for the one that runs; absent: as long as it has time at all. */
  readonly waitMs?: number;
  /** What is done when nobody knows what became of the first: `refuse` says so, `retry` carries the request out again. */
  readonly onUnknown: "refuse" | "retry";
  /** Where clients read about it. */
  readonly documentation?: string;
  /** Requests without a key, or with none that is valid, pass as if there were no keys. */
  readonly mode?: "shadow";
}

/**
 * `free`: nobody has it. `running`: `attempt` holds the lock until its lease ends. `kept`: there is an answer to replay.
 * `unkept`: answered, but the answer was too large to keep. `unknown`: sent, and nobody knows what became of it.
 */
export interface IdempotencyRecord {
  state: "free" | "running" | "kept" | "unkept" | "unknown";
  fingerprint: string;
  /** The attempt that has or had the lock. */
  attempt: string;
  startedAtMs: number;
  leaseEndsAtMs: number;
  /** When the record is forgotten. */
  endsAtMs: number;
  /** Status of the answer, 0 where there is none. */
  status: number;
}

export const newIdempotencyRecord = (): IdempotencyRecord => ({
  state: "free",
  fingerprint: "",
  attempt: "",
  startedAtMs: 0,
  leaseEndsAtMs: 0,
  endsAtMs: 0,
  status: 0,
});

export interface IdempotencyQuestion {
  /** Digest of the request (`fingerprintText`). */
  readonly fingerprint: string;
  /** Names this attempt; asking again under the same name gives the same lock. */
  readonly attempt: string;
  /** How long the attempt can take at most. */
  readonly leaseMs: number;
  readonly ttlMs: number;
  readonly onUnknown: IdempotencySettings["onUnknown"];
}

export type IdempotencyVerdict =
  /** Carry it out, and settle it before the lease ends. */
  | { readonly kind: "run" }
  | { readonly kind: "running"; readonly runningMs: number; readonly leaseLeftMs: number }
  | { readonly kind: "replay" }
  | { readonly kind: "unkept"; readonly status: number }
  | { readonly kind: "unknown" }
  /** The key stands for another request. */
  | { readonly kind: "mismatch" };

/** Whether the request may be carried out. Changes the record when it may, and when its lock has run out. */
export function beginRequest(
  record: IdempotencyRecord,
  question: IdempotencyQuestion,
  nowMs: number,
): IdempotencyVerdict {
  if (record.state === "free" || record.endsAtMs <= nowMs) return lock(record, question, nowMs);
  if (record.fingerprint !== question.fingerprint) return { kind: "mismatch" };
  if (record.state === "kept") return { kind: "replay" };
  if (record.state === "unkept") return { kind: "unkept", status: record.status };
  if (record.state === "running") {
    const leaseLeftMs = record.leaseEndsAtMs - nowMs;
    if (leaseLeftMs > 0)
      return record.attempt === question.attempt
        ? { kind: "run" }
        : { kind: "running", runningMs: Math.max(0, nowMs - record.startedAtMs), leaseLeftMs };
    record.state = "unknown";
  }
  return question.onUnknown === "retry" ? lock(record, question, nowMs) : { kind: "unknown" };
}

function lock(record: IdempotencyRecord, question: IdempotencyQuestion, nowMs: number): IdempotencyVerdict {
  const { fingerprint, attempt, leaseMs, ttlMs } = question;
  const leaseEndsAtMs = nowMs + leaseMs;
  const endsAtMs = leaseEndsAtMs + ttlMs;
  Object.assign(record, {
    state: "running",
    fingerprint,
    attempt,
    startedAtMs: nowMs,
    leaseEndsAtMs,
    endsAtMs,
    status: 0,
  });
  return { kind: "run" };
}

/** How an attempt ended. `released`: nothing was done, so the key is free again. */
export type IdempotencyOutcome = "kept" | "unkept" | "unknown" | "released";

/**
 * Notes how an attempt ended. One that ends after its lease is noted still, as long as nobody else has begun.
 * @param status of the answer, 0 where there is none
 * @returns whether it was noted
 */
export function settleRequest(
  record: IdempotencyRecord,
  attempt: string,
  outcome: IdempotencyOutcome,
  status: number,
  ttlMs: number,
  nowMs: number,
): boolean {
  if (record.attempt !== attempt || (record.state !== "running" && record.state !== "unknown")) return false;
  record.state = outcome === "released" ? "free" : outcome;
  record.status = status;
  record.endsAtMs = nowMs + ttlMs;
  return true;
}

/** Seconds for `Retry-After` while another attempt runs: as long again as it has taken, and not beyond its lease. */
export function outstandingSeconds(runningMs: number, leaseLeftMs: number): number {
  return Math.max(1, Math.ceil(Math.min(runningMs, leaseLeftMs) / 1000));
}
