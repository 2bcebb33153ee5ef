import { expect, test } from "vitest";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  keptFields,
  outcomeOfAnswer,
  outcomeOfCall,
  outcomeOfFailure,
} from "../../../shared/policy/idempotency-answer.ts";

test("every status has one meaning", () => {
  const of = (wanted: string, hasRetryAfter: boolean): number[] =>
    Array.from({ length: 500 }, (_, at) => 100 + at).filter(
      (status) => outcomeOfAnswer(status, hasRetryAfter) === wanted,
    );
  expect(of("released", false)).toEqual([401, 407, 408, 409, 425, 429]);
  expect(of("released", true)).toEqual([401, 407, 408, 409, 425, 429, 503]);
  expect(of("unknown", false)).toEqual([502, 503, 504, ...Array.from({ length: 11 }, (_, at) => 520 + at)]);
  expect(of("unkept", false)).toEqual([]);
});

test("every code of gRPC has one meaning", () => {
  const of = (wanted: string, pushbackMs?: number): number[] =>
    Array.from({ length: 17 }, (_, code) => code).filter((code) => outcomeOfCall(code, pushbackMs) === wanted);
  expect(of("released")).toEqual([8, 10, 16]);
  expect(of("released", 0)).toEqual([8, 10, 14, 16]);
  expect(of("released", -1)).toEqual([8, 10, 16]);
  expect(of("unknown")).toEqual([1, 4, 14]);
  expect(outcomeOfCall(undefined, undefined)).toBe("unknown");
});

test("only what provably was not sent releases", () => {
  expect(outcomeOfFailure(new SelvageError("draining", "r"))).toBe("released");
  for (const sent of ["head", "body"] as const)
    expect(outcomeOfFailure(new SelvageError("upstream_reset", "r", { sent }))).toBe("unknown");
});

test("fields of the first time, of the connection and cookies are not kept; too many are none", () => {
  const fields = ["content-type", "x-a", "set-cookie", "date", "age", "connection", "content-length", "dpop-nonce"];
  expect(keptFields(fields.map((name) => [name, "v"] as const))).toEqual([
    ["content-type", "v"],
    ["x-a", "v"],
  ]);
  const max = limits.idempotency.answerFieldsBytesMax;
  expect(keptFields([["a", "x".repeat(max - 5)]])).toHaveLength(1);
  expect(keptFields([["a", "x".repeat(max - 4)]])).toBeUndefined();
});
