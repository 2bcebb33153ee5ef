/** A rollout with the real control plane: nobody stops accepting before its callers go elsewhere. */
import { expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { rollUnderLoad } from "./support/rolling.ts";

test("instances of a service restart one after the other, and no request of any method fails", async () => {
  const { sent, failures, tookMs } = await rollUnderLoad({ restarts: 2, rate: 100 });
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(100);
  // By word of the callers, not because the time was up.
  for (const ms of tookMs) expect(ms).toBeLessThan(limits.control.drainBoundMs);
}, 90_000);
