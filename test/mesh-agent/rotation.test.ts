/** Certificates that are renewed all the time: no request notices. */
import { expect, test } from "vitest";
import { rotateUnderLoad } from "./support/rotation.ts";

test("certificates of both sides change every two seconds, and no request fails", { timeout: 60_000 }, async () => {
  const { sent, failures, renewals } = await rotateUnderLoad({ everyMs: 2_000, rate: 100, forMs: 10_000 });
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(900);
  expect(renewals).toBeGreaterThanOrEqual(6);
});
