import fc from "fast-check";
import { expect, test } from "vitest";
import { newElapsedClock, readElapsed } from "../../../shared/policy/elapsed-clock.ts";

/** So much passes, the machine sleeps or not, and the wall clock is set by so much. */
const step = fc.record({
  passedMs: fc.nat(5_000),
  sleeps: fc.boolean(),
  setMs: fc.integer({ min: -20_000, max: 20_000 }),
});

test("never tells less than has passed, whatever is set and however long the machine sleeps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let [trueMs, monotonicMs, wallMs] = [0, 7, 1_000_000];
      const clock = newElapsedClock(monotonicMs, wallMs);
      const start = clock.nowMs;
      for (const { passedMs, sleeps, setMs } of steps) {
        trueMs += passedMs;
        wallMs += passedMs;
        if (sleeps) readElapsed(clock, monotonicMs, wallMs);
        else monotonicMs += passedMs;
        const before = clock.nowMs;
        expect(readElapsed(clock, monotonicMs, wallMs)).toBeGreaterThanOrEqual(before);
        expect(clock.nowMs - start).toBeGreaterThanOrEqual(trueMs);
        wallMs += setMs;
        readElapsed(clock, monotonicMs, wallMs);
      }
    }),
  );
});

test("tells what has passed where nothing is set", () => {
  const clock = newElapsedClock(5, 1_000);
  expect([readElapsed(clock, 15, 1_010), readElapsed(clock, 15, 1_010), readElapsed(clock, 115, 1_110)]).toEqual([
    1_010, 1_010, 1_110,
  ]);
});
