import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  grpcStatusOfHttp,
  grpcTimeout,
  parseGrpcStatus,
  parseGrpcTimeoutMs,
  parsePushbackMs,
} from "../../../shared/http/grpc-call.ts";

describe("grpc-timeout", () => {
  test.each([
    ["100m", 100],
    ["5S", 5_000],
    ["2M", 120_000],
    ["1H", 3_600_000],
    ["1500u", 1.5],
    ["2000000n", 2],
    ["99999999H", 99_999_999 * 3_600_000],
  ])("%s", (text, ms) => {
    expect(parseGrpcTimeoutMs(text)).toBeCloseTo(ms, 6);
  });

  test.each(["", "5", "m", "-1m", "1.5S", "123456789m", "5s", "5 m", "5m,6m"])("%j is none", (text) => {
    expect(parseGrpcTimeoutMs(text)).toBeUndefined();
  });

  test("what is sent on is read again, and never longer than it was", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e11, noNaN: true }), (ms) => {
        const read = parseGrpcTimeoutMs(grpcTimeout(ms));
        expect(read).toBeGreaterThan(0);
        expect(read).toBeLessThanOrEqual(ms * (1 + 1e-9));
      }),
    );
  });
});

test("a status is 0 to 16; what is none counts as UNKNOWN", () => {
  expect(["0", "16", "17", "-1", "x", "", "014"].map(parseGrpcStatus)).toEqual([0, 16, 2, 2, 2, 2, 2]);
  expect(parseGrpcStatus(undefined)).toBeUndefined();
});

test("an answer without a status means what its HTTP status does", () => {
  const statuses = [200, 302, 400, 401, 403, 404, 429, 431, 500, 502, 503, 504];
  expect(statuses.map(grpcStatusOfHttp)).toEqual([2, 2, 13, 16, 7, 12, 14, 13, 2, 14, 14, 14]);
});

test("a server's wish for when to come again: what cannot be read asks not to", () => {
  expect(["0", "250", "-1", "soon", "1.5", ""].map(parsePushbackMs)).toEqual([0, 250, -1, -1, -1, -1]);
  expect(parsePushbackMs(undefined)).toBeUndefined();
});
