import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { certificateTerms, issuerIsDue, leafTerms, refuseJoin } from "../../../shared/policy/issuance.ts";

const token = { service: "orders", expiresAtMs: 1_000, usedAtMs: 0 };

test("a join token is good once, before its end, with its secret", () => {
  expect(refuseJoin(token, true, 999)).toBeUndefined();
  expect(refuseJoin(token, true, 1_000)).toContain("expired");
  expect(refuseJoin({ ...token, usedAtMs: 1 }, true, 500)).toContain("used");
  expect(refuseJoin(token, false, 500)).toContain("secret");
  expect(refuseJoin(undefined, true, 500)).toContain("unknown");
});

test("a leaf says one SPIFFE ID, is backdated and never outlives its issuer", () => {
  const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0, 789);
  const terms = leafTerms("shop.internal", "orders", nowMs + 1e12, nowMs, new Uint8Array(16));
  expect(terms.spiffeId).toBe("spiffe://shop.internal/service/orders");
  expect(terms.notBeforeMs).toBe(nowMs - 789 - limits.certificate.backdateMs);
  expect(terms.notAfterMs).toBe(nowMs - 789 + limits.certificate.leafLifetimeMs);
  expect(leafTerms("shop.internal", "orders", nowMs + 60_000, nowMs, new Uint8Array(16)).notAfterMs).toBe(
    nowMs - 789 + 60_000,
  );
});

test("a serial number is positive, has 16 bytes and keeps 126 random bits", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (random) => {
      const { serial } = certificateTerms(1, 1, 0, random);
      expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
      const tail = [...random.subarray(1)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      expect(serial.slice(2)).toBe(tail);
      expect(Number.parseInt(serial.slice(0, 2), 16) & 0x3f).toBe((random[0] ?? 0) & 0x3f);
    }),
  );
});

test("an issuer is replaced in the last third of its life, unless the root ends no later", () => {
  const { issuerLifetimeMs } = limits.certificate;
  const rootEnds = 10 * issuerLifetimeMs;
  expect(issuerIsDue(issuerLifetimeMs, rootEnds, (issuerLifetimeMs * 2) / 3 - 1)).toBe(false);
  expect(issuerIsDue(issuerLifetimeMs, rootEnds, (issuerLifetimeMs * 2) / 3 + 1)).toBe(true);
  expect(issuerIsDue(rootEnds, rootEnds, rootEnds - 1)).toBe(false);
});
