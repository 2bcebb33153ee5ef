import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  beginRequest,
  type IdempotencyOutcome,
  type IdempotencyQuestion,
  type IdempotencyRecord,
  newIdempotencyRecord,
  outstandingSeconds,
  settleRequest,
} from "../../../shared/policy/idempotency.ts";

const question = (attempt: string, more: Partial<IdempotencyQuestion> = {}): IdempotencyQuestion => ({
  fingerprint: "f",
  attempt,
  leaseMs: 100,
  ttlMs: 1_000,
  onUnknown: "refuse",
  ...more,
});
const begun = (more: Partial<IdempotencyQuestion> = {}): IdempotencyRecord => {
  const record = newIdempotencyRecord();
  expect(beginRequest(record, question("a", more), 0)).toEqual({ kind: "run" });
  return record;
};

describe("a lock", () => {
  test("is one's own, also when one asks again", () => {
    const record = begun();
    expect(beginRequest(record, question("b"), 40)).toEqual({ kind: "running", runningMs: 40, leaseLeftMs: 60 });
    expect(beginRequest(record, question("a"), 99)).toEqual({ kind: "run" });
    expect(beginRequest(record, question("b", { fingerprint: "g" }), 99)).toEqual({ kind: "mismatch" });
  });

  test("that ran out says that the outcome is not known, until it is or the record ends", () => {
    const record = begun();
    expect(beginRequest(record, question("b"), 100)).toEqual({ kind: "unknown" });
    expect(beginRequest(record, question("a"), 100)).toEqual({ kind: "unknown" });
    expect(beginRequest(record, question("b", { fingerprint: "g" }), 100)).toEqual({ kind: "mismatch" });
    expect(beginRequest(structuredClone(record), question("b"), 1_099)).toEqual({ kind: "unknown" });
    expect(beginRequest(structuredClone(record), question("b"), 1_100)).toEqual({ kind: "run" });
    expect(settleRequest(record, "a", "kept", 201, 1_000, 200)).toBe(true);
    expect(beginRequest(record, question("b"), 1_199)).toEqual({ kind: "replay" });
    expect(beginRequest(record, question("b"), 1_200)).toEqual({ kind: "run" });
  });

  test("that ran out is another's with onUnknown retry, and then the first has no say any more", () => {
    const record = begun();
    expect(beginRequest(record, question("b", { onUnknown: "retry" }), 100)).toEqual({ kind: "run" });
    expect(settleRequest(record, "a", "kept", 201, 1_000, 101)).toBe(false);
    expect(beginRequest(record, question("c", { onUnknown: "retry" }), 102)).toMatchObject({ kind: "running" });
    expect(settleRequest(record, "b", "unkept", 200, 1_000, 103)).toBe(true);
    expect(beginRequest(record, question("c", { onUnknown: "retry" }), 104)).toEqual({ kind: "unkept", status: 200 });
  });

  test("that is released is free, for any request", () => {
    const record = begun();
    expect(settleRequest(record, "a", "released", 0, 1_000, 10)).toBe(true);
    expect(settleRequest(record, "a", "kept", 200, 1_000, 11)).toBe(false);
    expect(beginRequest(record, question("b", { fingerprint: "g" }), 12)).toEqual({ kind: "run" });
  });
});

test("Retry-After is as long again as it has taken, whole seconds, within the lease", () => {
  expect(outstandingSeconds(0, 20_000)).toBe(1);
  expect(outstandingSeconds(3_200, 20_000)).toBe(4);
  expect(outstandingSeconds(15_000, 1_500)).toBe(2);
});

type Step =
  | { readonly kind: "begin"; readonly attempt: number; readonly fingerprint: number; readonly retry: boolean }
  | { readonly kind: "settle"; readonly attempt: number; readonly outcome: IdempotencyOutcome }
  | { readonly kind: "pass"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("begin" as const),
    attempt: fc.nat(5),
    fingerprint: fc.nat(1),
    retry: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("settle" as const),
    attempt: fc.nat(5),
    outcome: fc.constantFrom<IdempotencyOutcome>("kept", "unkept", "unknown", "released"),
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(150) }),
);

test("in every schedule one runs at a time, and what ran is not run again unless nothing was done, it is forgotten or that was asked for", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const record = newIdempotencyRecord();
      let nowMs = 1;
      let running: { attempt: string; fingerprint: string; untilMs: number } | undefined;
      /** What is bound to the key: which request, whether its outcome is known, and until when. */
      let bound: { fingerprint: string; known: boolean; kept: boolean; untilMs: number } | undefined;
      for (const one of steps) {
        if (one.kind === "pass") nowMs += one.ms;
        if (bound !== undefined && bound.untilMs <= nowMs) bound = undefined;
        if (one.kind === "begin") {
          const [attempt, fingerprint] = [`a${one.attempt}`, `f${one.fingerprint}`];
          const onUnknown = one.retry ? "retry" : "refuse";
          const { kind } = beginRequest(record, question(attempt, { fingerprint, onUnknown }), nowMs);
          const isLive = running !== undefined && running.untilMs > nowMs;
          if (bound === undefined) expect(kind).toBe("run");
          else if (bound.fingerprint !== fingerprint) expect(kind).toBe("mismatch");
          else if (bound.known) expect(kind).toBe(bound.kept ? "replay" : "unkept");
          else if (isLive) expect(kind).toBe(running?.attempt === attempt ? "run" : "running");
          else expect(kind).toBe(one.retry ? "run" : "unknown");
          if (kind === "run" && !(isLive && bound !== undefined)) {
            running = { attempt, fingerprint, untilMs: nowMs + 100 };
            bound = { fingerprint, known: false, kept: false, untilMs: nowMs + 100 + 1_000 };
          }
        }
        if (one.kind === "settle") {
          const noted = settleRequest(record, `a${one.attempt}`, one.outcome, 200, 1_000, nowMs);
          if (noted) {
            expect(running?.attempt).toBe(`a${one.attempt}`);
            if (one.outcome === "released") bound = undefined;
            else {
              const known = one.outcome !== "unknown";
              const fingerprint = running?.fingerprint ?? "";
              bound = { fingerprint, known, kept: one.outcome === "kept", untilMs: nowMs + 1_000 };
            }
            if (running !== undefined) running = { ...running, untilMs: 0 };
          }
        }
      }
    }),
    { numRuns: 3_000 },
  );
});
