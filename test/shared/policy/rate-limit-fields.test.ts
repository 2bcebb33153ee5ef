import { parseList } from "structured-headers";
import { describe, expect, test } from "vitest";
import { anonymous } from "../../../shared/identity/identity.ts";
import { rateLimitField, rateLimitPolicyField, retryAfterSeconds } from "../../../shared/policy/rate-limit-fields.ts";
import { rateLimitKey } from "../../../shared/policy/rate-limit-key.ts";
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

describe("key of a limit", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::9", "2001:db8:1:2"],
    ["2001:0db8:0001:0002:ffff::", "2001:db8:1:2"],
    ["::1", "0:0:0:0"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    [undefined, "unknown"],
  ])("address %s counts as %s", (address, key) => {
    expect(rateLimitKey("ip", anonymous, address)).toBe(key);
  });

  test("equal subjects of two issuers stay apart", () => {
    const one = { ...anonymous, method: "jwt", sub: "alice", issuer: "https://a.example" } as const;
    expect(rateLimitKey("identity", one, "192.0.2.7")).not.toBe(
      rateLimitKey("identity", { ...one, issuer: "https://b.example" }, "192.0.2.7"),
    );
  });
});
