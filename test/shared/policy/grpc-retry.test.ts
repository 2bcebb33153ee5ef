import { describe, expect, test } from "vitest";
import { isGrpcFailure } from "../../../shared/policy/grpc-status.ts";
import { type AttemptOutcome, mayRetry } from "../../../shared/policy/retry.ts";
import type { RetrySettings } from "../../../shared/policy/settings.ts";

const answered = (grpc: number): AttemptOutcome => ({ kind: "status", status: 200, grpc });
const failed = {
  method: "POST",
  path: "/shop.Orders/Get",
  sent: "body" as const,
  attempt: 1,
  bodyReplayable: true,
  callerRetries: false,
};
const settings = (on: RetrySettings["on"], idempotent?: true | string[]): RetrySettings => ({
  attempts: 2,
  on,
  ...(idempotent !== undefined && { idempotent }),
});

test.each([
  ["cancelled", 1],
  ["deadline-exceeded", 4],
  ["resource-exhausted", 8],
  ["internal", 13],
  ["unavailable", 14],
] as const)("%s covers status %i and no other", (on, status) => {
  for (let code = 1; code <= 16; code++)
    expect(mayRetry(settings([on], true), { ...failed, outcome: answered(code) }).retry).toBe(code === status);
});

test("a word covers what its caller would be told where there is no answer", () => {
  const retries = (on: RetrySettings["on"][number], kind: "reset" | "timeout" | "connect-failure"): boolean =>
    mayRetry(settings([on], true), { ...failed, outcome: { kind } }).retry;
  expect(retries("unavailable", "reset")).toBe(true);
  expect(retries("unavailable", "connect-failure")).toBe(true);
  expect(retries("unavailable", "timeout")).toBe(false);
  expect(retries("deadline-exceeded", "timeout")).toBe(true);
});

describe("a call by gRPC is a POST like any other", () => {
  const outcome = answered(14);

  test("and goes again only where the document says that it may", () => {
    expect(mayRetry(settings(["unavailable"]), { ...failed, outcome }).retry).toBe(false);
    expect(mayRetry(settings(["unavailable"], ["/shop.Orders/Put"]), { ...failed, outcome }).retry).toBe(false);
    expect(mayRetry(settings(["unavailable"], ["/shop.Orders/Get"]), { ...failed, outcome }).retry).toBe(true);
    expect(mayRetry(settings(["unavailable"], ["/shop.Orders/*"]), { ...failed, outcome }).retry).toBe(true);
  });

  test("or where nothing was sent", () => {
    const unsent = { ...failed, sent: "none" as const, outcome: { kind: "refused" as const } };
    expect(mayRetry(settings([]), unsent)).toEqual({ retry: true, anew: true });
  });

  test("which holds for POST without gRPC, too", () => {
    const broken = { ...failed, path: "/search?q=1", outcome: { kind: "reset" as const } };
    expect(mayRetry(settings(["reset"]), broken).retry).toBe(false);
    expect(mayRetry(settings(["reset"], ["/search"]), broken).retry).toBe(true);
  });
});

test("what says that the endpoint is ill: not what the caller did, nor that it asks for what is not there", () => {
  const codes = Array.from({ length: 17 }, (_, code) => code);
  expect(codes.filter(isGrpcFailure)).toEqual([2, 4, 13, 14, 15]);
});
