import { describe, expect, test } from "vitest";
import { CliError } from "../../cli/cli-error.ts";
import { requestOf } from "../../cli/commands/revoke.ts";
import { revocationRequestSchema } from "../../shared/wire/revocations.ts";

const NOW = Date.parse("2026-11-20T12:00:00.500Z");
const of = (options: Record<string, unknown>) => requestOf(options, NOW);
const issuer = "https://i.example/";

test("each form becomes a request that the control plane takes", () => {
  for (const [options, target] of [
    [{ jti: "t" }, { jti: "t" }],
    [
      { sub: "a", issuer },
      { sub: "a", issuer },
    ],
    [
      { issuer, issuedBefore: "2026-01-31T12:00:00Z" },
      { issuer, issuedBefore: 1_769_860_800 },
    ],
    [
      { issuer, issuedBefore: "now" },
      { issuer, issuedBefore: Math.ceil(NOW / 1000) },
    ],
  ] as const) {
    const request = of({ ...options, expires: 60_000, reason: "lost" });
    expect(request).toMatchObject({ ...target, lifetimeMs: 60_000, reason: "lost" });
    expect(revocationRequestSchema.safeParse(request).success).toBe(true);
  }
});

describe("anything else is wrong usage", () => {
  test.each([
    [{}],
    [{ sub: "a" }],
    [{ issuer }],
    [{ jti: "t", issuer }],
    [{ jti: "t", sub: "a", issuer }],
    [{ sub: "a", issuer, issuedBefore: "now" }],
    [{ issuer, issuedBefore: "yesterday" }],
    [{ issuer, issuedBefore: "2026" }],
    [{ issuer, issuedBefore: "" }],
  ])("%j", (options) => {
    expect(() => of(options)).toThrow(CliError);
  });
});
