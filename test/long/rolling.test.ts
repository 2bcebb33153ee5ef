/** A service of two instances restarted again and again under load. */
import { expect, test } from "vitest";
import { rollUnderLoad } from "../mesh-agent/support/rolling.ts";

test("50 restarts at 300 requests a second fail no request", async () => {
  const { sent, failures, tookMs } = await rollUnderLoad({ restarts: 50, rate: 300 });
  const sorted = [...tookMs].sort((a, b) => a - b);
  const told = [sorted[25], sorted[47], sorted.at(-1)].map((ms) => `${Math.round(ms ?? 0)} ms`);
  console.log(`${sent} requests, ${failures.length} failed; an agent ends within ${told.join(", ")} (half, 95 %, all)`);
  expect(failures).toEqual([]);
});
