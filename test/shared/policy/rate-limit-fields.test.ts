import { parseList } from "structured-headers";
import { describe, expect, test } from "vitest";
import {
  type LimitOutcome,
  legacyFields,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../../shared/policy/rate-limit-fields.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";

const limit = (name: string, quota: number, windowMs: number): RateLimitSettings => ({
  name,
  limit: quota,
  windowMs,
  by: "ip",
  mode: "exact",
  onFailure: "closed",
});
const burst = limit("burst", 100, 60_000);
const daily = limit("daily", 1000, 86_400_000);

describe("RateLimit fields", () => {
  test("policy names quota and window of every limit", () => {
    expect(rateLimitPolicyField([burst, daily])).toBe('"burst";q=100;w=60, "daily";q=1000;w=86400');
  });

  test("state names what is left and when there is more", () => {
    const field = rateLimitField([
      [burst, { admitted: true, remaining: 50, resetMs: 29_001 }],
      [daily, { admitted: true, remaining: 0, resetMs: 1 }],
    ]);
    expect(field).toBe('"burst";r=50;t=30, "daily";r=0;t=1');
    expect(parseList(field).map(([name]) => name)).toEqual(["burst", "daily"]);
  });

  test("slots, tokens and bursts are told in units of their own, and the fields stay lists", () => {
    const all: RateLimitSettings[] = [
      { ...burst, name: "slots", limit: 20, counts: "concurrent" },
      { ...burst, name: "tokens", limit: 9, counts: "cost", cost: { estimate: 1 } },
      { ...burst, name: "bucket", limit: 10, burst: 20, windowMs: 500 },
    ];
    const field = rateLimitPolicyField(all);
    expect(field).toBe(
      '"slots";q=20;qu="concurrent-requests", "tokens";q=9;w=60;selvage-unit="tokens", "bucket";q=10;w=1;selvage-burst=20',
    );
    expect(parseList(field)).toHaveLength(3);
    expect(rateLimitField([[burst, { admitted: true, remaining: 2.9, resetMs: 0.5 }]])).toBe('"burst";r=2;t=1');
  });

  test("Retry-After is never earlier than t", () => {
    const verdict = (resetMs: number) => ({ admitted: false, remaining: 0, resetMs });
    expect(
      retryAfterSeconds([
        [burst, verdict(1500)],
        [daily, verdict(100)],
      ]),
    ).toBe(2);
    expect(retryAfterSeconds([[burst, verdict(0)]])).toBe(1);
  });
});

describe("X-RateLimit fields", () => {
  const NOW = 1_700_000_000_500;
  const admitted = (remaining: number, resetMs: number) => ({ admitted: true, remaining, resetMs });
  const refused = (resetMs: number) => ({ admitted: false, remaining: 0, resetMs });
  const told = (outcomes: readonly LimitOutcome[], reset: "epoch" | "seconds" = "seconds") =>
    legacyFields(outcomes, reset, NOW).map(([, value]) => value);

  test("are of the limit with the least left", () => {
    const outcomes: LimitOutcome[] = [
      [burst, admitted(50, 10_000)],
      [daily, admitted(9, 60_000)],
    ];
    expect(legacyFields(outcomes, "seconds", NOW)).toEqual([
      ["x-ratelimit-limit", "1000"],
      ["x-ratelimit-remaining", "9"],
      ["x-ratelimit-reset", "60"],
    ]);
  });

  test("are of the one that refuses for the longest, and agree with Retry-After", () => {
    const outcomes: LimitOutcome[] = [
      [burst, refused(2500)],
      [daily, admitted(0, 90_000)],
      [limit("hour", 5, 3_600_000), refused(7001)],
    ];
    expect(told(outcomes)).toEqual(["5", "0", "8"]);
    expect(retryAfterSeconds([outcomes[0], outcomes[2]] as LimitOutcome[])).toBe(8);
  });

  test("tell the reset as a time of the clock, never too early, or as seconds", () => {
    expect(told([[burst, admitted(1, 1001)]], "epoch")[2]).toBe("1700000003");
    expect(told([[burst, admitted(1, 1001)]], "seconds")[2]).toBe("2");
  });

  test("leave slots out unless those refused", () => {
    const slots: RateLimitSettings = { ...burst, name: "slots", limit: 2, counts: "concurrent" };
    expect(told([[slots, admitted(0, 1000)]])).toEqual([]);
    expect(told([[slots, refused(1000)]])).toEqual(["2", "0", "1"]);
    expect(told([[{ ...burst, burst: 500 }, admitted(499, 0)]])).toEqual(["500", "499", "0"]);
    expect(told([])).toEqual([]);
  });
});
