/** Certificates that are renewed every five seconds for two minutes of a thousand requests a second: none fails. */
import { expect, test } from "vitest";
import { rotateUnderLoad } from "../mesh-agent/support/rotation.ts";

test("rotation under load", async () => {
  const { sent, failures, renewals } = await rotateUnderLoad({ everyMs: 5_000, rate: 1_000, forMs: 120_000 });
  console.log(`${sent} requests in 120 s, ${renewals} certificates`);
  expect(failures).toEqual([]);
  expect(renewals).toBeGreaterThanOrEqual(40);
});
