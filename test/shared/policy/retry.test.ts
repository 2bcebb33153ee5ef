import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type FailedAttempt,
  isIdempotent,
  mayRetry,
  retryBackoffMs,
  retryPauseMs,
} from "../../../shared/policy/retry.ts";
import {
  isWorthRepeating,
  newRetryBudget,
  type RetryBudgetEvent,
  retryBudgetStep,
} from "../../../shared/policy/retry-budget.ts";
import type { RetryOn, RetrySettings } from "../../../shared/policy/settings.ts";

const settings: RetrySettings = { attempts: 3, on: ["5xx", "reset", "connect-failure"] };
const failed = (over: Partial<FailedAttempt>): FailedAttempt => ({
  method: "GET",
  path: "/",
  sent: "body",
  outcome: { kind: "reset" },
  attempt: 1,
  bodyReplayable: true,
  callerRetries: false,
  ...over,
});

describe("mayRetry", () => {
  test("what was not sent may be sent anew, whatever its method", () => {
    for (const method of ["GET", "POST", "PATCH", "DELETE", "BREW"])
      expect(mayRetry({ attempts: 0, on: [] }, failed({ method, sent: "none" }))).toEqual({ retry: true, anew: true });
  });

  test("a POST of which anything left is never repeated", () => {
    for (const sent of ["head", "body"] as const)
      expect(mayRetry(settings, failed({ method: "POST", sent })).retry).toBe(false);
  });

  test.each<[RetryOn, FailedAttempt["outcome"], boolean]>([
    ["5xx", { kind: "status", status: 500 }, true],
    ["5xx", { kind: "status", status: 404 }, false],
    ["5xx", { kind: "reset" }, true],
    ["gateway-error", { kind: "status", status: 500 }, false],
    ["gateway-error", { kind: "status", status: 503 }, true],
    ["reset", { kind: "timeout" }, true],
    ["reset", { kind: "status", status: 503 }, false],
    ["connect-failure", { kind: "connect-failure" }, true],
    ["connect-failure", { kind: "reset" }, false],
    ["retriable-4xx", { kind: "status", status: 409 }, true],
    ["retriable-4xx", { kind: "status", status: 429 }, false],
  ])("%s covers %o: %s", (on, outcome, expected) => {
    expect(mayRetry({ attempts: 1, on: [on] }, failed({ outcome })).retry).toBe(expected);
  });

  test("named statuses are tried again, and no others", () => {
    const named = { attempts: 1, on: [], statuses: [404, 429] };
    const at = (status: number, method = "GET"): boolean =>
      mayRetry(named, failed({ method, outcome: { kind: "status", status } })).retry;
    expect([at(429), at(404), at(503), at(429, "POST")]).toEqual([true, true, false, false]);
  });

  test("pauses are drawn within the document's bounds", () => {
    const pauses = [1, 2, 3, 4].map((retry) => retryBackoffMs(retry, 1, { baseMs: 10, maxMs: 50 }));
    expect(pauses).toEqual([10, 30, 50, 50]);
    expect(retryBackoffMs(3, 0, { baseMs: 10, maxMs: 50 })).toBe(0);
  });

  test("stops at the number of attempts", () => {
    expect(mayRetry(settings, failed({ attempt: 3 })).retry).toBe(true);
    expect(mayRetry(settings, failed({ attempt: 4 })).retry).toBe(false);
  });

  test("one layer retries", () => {
    expect(mayRetry(settings, failed({ callerRetries: true, sent: "none" })).retry).toBe(false);
  });

  test("property: law 7 holds for every input", () => {
    const input = fc.record<FailedAttempt>({
      path: fc.constant("/"),
      method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
      sent: fc.constantFrom("none", "head", "body"),
      outcome: fc.oneof(
        fc.constantFrom({ kind: "reset" as const }, { kind: "timeout" as const }, { kind: "connect-failure" as const }),
        fc.record({ kind: fc.constant("status" as const), status: fc.integer({ min: 200, max: 599 }) }),
      ),
      attempt: fc.integer({ min: 1, max: 9 }),
      bodyReplayable: fc.boolean(),
      callerRetries: fc.boolean(),
    });
    fc.assert(
      fc.property(input, (attempt) => {
        if (!mayRetry(settings, attempt).retry) return;
        expect(attempt.bodyReplayable && !attempt.callerRetries).toBe(true);
        expect(attempt.sent === "none" || isIdempotent(attempt.method)).toBe(true);
        expect(attempt.attempt).toBeLessThanOrEqual(settings.attempts);
      }),
    );
  });
});

test("pauses grow with full jitter to their bound", () => {
  expect([1, 2, 3, 4, 9].map((retry) => retryBackoffMs(retry, 1))).toEqual([25, 75, 175, 250, 250]);
  expect(retryBackoffMs(3, 0)).toBe(0);
});

describe("retry budget", () => {
  test("a few always, then a fifth of what is in flight", () => {
    const state = newRetryBudget();
    expect([1, 2, 3, 4].map(() => retryBudgetStep(state, "retry"))).toEqual([true, true, true, false]);
    for (let n = 0; n < 20; n++) retryBudgetStep(state, "started");
    expect(retryBudgetStep(state, "retry")).toBe(true);
    expect(retryBudgetStep(state, "retry")).toBe(false);
    retryBudgetStep(state, "retried");
    expect(retryBudgetStep(state, "retry")).toBe(true);
  });

  test("repetitions that are in vain end, and come back with successes", () => {
    const state = newRetryBudget();
    for (let n = 0; n < 50; n++) {
      expect(isWorthRepeating(state)).toBe(n < 10);
      retryBudgetStep(state, "in-vain");
    }
    for (let n = 0; n < 5; n++) retryBudgetStep(state, "succeeded");
    expect(isWorthRepeating(state)).toBe(true);
    for (let n = 0; n < 1_000; n++) retryBudgetStep(state, "succeeded");
    expect(state.inVain).toBe(0);
  });

  test("property: retries in flight never exceed the bound at the moment they start", () => {
    const event = fc.constantFrom<RetryBudgetEvent>("started", "retry");
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const state = newRetryBudget();
        for (const one of events) retryBudgetStep(state, one);
        expect(state.retrying).toBeLessThanOrEqual(Math.max(3, state.active * 0.2));
      }),
    );
  });
});

describe("retryPauseMs", () => {
  const busy = (status: number, pauseMs: number) => ({ outcome: { kind: "status", status } as const, pauseMs });

  test.each([
    ["nothing asked for", busy(503, 0), false, 10_000, 100],
    ["a 503 goes elsewhere without waiting", busy(503, 2_000), true, 10_000, 100],
    ["a 503 of the last instance is waited for", busy(503, 2_000), false, 10_000, 2_500],
    ["a 429 goes with the caller", busy(429, 2_000), true, 10_000, 2_500],
    ["no longer than the back-off makes no difference", busy(429, 10), true, 10_000, 100],
    ["the jitter stays within the deadline", busy(503, 2_000), false, 2_400, 2_100],
    ["what does not fit the deadline is not waited for", busy(503, 2_000), false, 2_000, undefined],
    ["nor what is too long in any case", busy(503, 60_001), false, 3_600_000, undefined],
  ])("%s", (_what, asked, untried, leftMs, expected) => {
    expect(retryPauseMs(100, asked, untried, leftMs, 0.5)).toBe(expected);
  });
});
