import { expect, test } from "vitest";
import { waitAfterRenewalMs } from "../../../mesh-agent/control/renewal-time.ts";

const HOUR_MS = 3_600_000;
const BACKDATED_MS = 300_000;

test("a certificate is renewed from a third of its life on", () => {
  const facts = { notBeforeMs: -BACKDATED_MS, notAfterMs: 24 * HOUR_MS };
  expect(waitAfterRenewalMs(facts, 0, 0)).toBeCloseTo(8 * HOUR_MS, -6);
});

test("one whose issuer ends soon is renewed after a third of what is left, not at once again", () => {
  const facts = { notBeforeMs: -BACKDATED_MS, notAfterMs: 600_000 };
  expect(waitAfterRenewalMs(facts, 0, 0)).toBe(200_000);
  expect(waitAfterRenewalMs({ ...facts, notAfterMs: 1_000 }, 0, 0)).toBe(1_000);
});
