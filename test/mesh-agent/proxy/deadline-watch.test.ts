import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DeadlineWatch, type Watched } from "../../../mesh-agent/proxy/deadline-watch.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

class Item implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly calledAtMs: number[] = [];
  andThen: () => void = () => {};
  onDeadline(): void {
    this.calledAtMs.push(performance.now());
    this.andThen();
  }
}

test("property: every deadline is noticed once, never early, and late by two ticks at most", () => {
  const action = fc.record({
    item: fc.nat(5),
    kind: fc.constantFrom("arm", "arm", "arm", "disarm"),
    // Some of them beyond one turn of the wheel, which is 20,480 ms.
    afterMs: fc.oneof(fc.nat(100), fc.nat(70_000)),
    passMs: fc.oneof(fc.nat(30), fc.nat(5_000)),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const watch = new DeadlineWatch(10);
      const items = Array.from({ length: 6 }, () => new Item());
      const wanted = new Map<Item, number>();
      const look = (): void => {
        for (const item of items) {
          const dueMs = wanted.get(item);
          const [calledAtMs] = item.calledAtMs.splice(0);
          if (calledAtMs !== undefined) {
            expect(dueMs).toBeDefined();
            expect(calledAtMs).toBeGreaterThanOrEqual(dueMs ?? 0);
            expect(calledAtMs).toBeLessThanOrEqual((dueMs ?? 0) + 20);
            wanted.delete(item);
          } else if (dueMs !== undefined) expect(performance.now()).toBeLessThanOrEqual(dueMs + 20);
        }
        expect(watch.armed).toBe(wanted.size);
      };
      for (const { item: at, kind, afterMs, passMs } of actions) {
        const item = items[at] as Item;
        if (kind === "arm") {
          watch.arm(item, afterMs);
          wanted.set(item, performance.now() + afterMs);
        } else {
          watch.disarm(item);
          wanted.delete(item);
        }
        vi.advanceTimersByTime(passMs);
        look();
      }
      vi.advanceTimersByTime(80_000);
      look();
      expect(wanted.size).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test("one that is done may set itself again, and take another away", () => {
  const watch = new DeadlineWatch(10);
  const [one, other] = [new Item(), new Item()];
  one.andThen = () => {
    watch.disarm(other);
    if (one.calledAtMs.length < 3) watch.arm(one, 0);
  };
  watch.arm(other, 5);
  watch.arm(one, 5);
  vi.advanceTimersByTime(200);
  expect(one.calledAtMs).toHaveLength(3);
  expect(other.calledAtMs).toEqual([]);
});

test("requests that are answered in time wake nobody", () => {
  const watch = new DeadlineWatch(10);
  const wakes = vi.spyOn(globalThis, "setTimeout");
  for (let n = 0; n < 10_000; n++) {
    const item = new Item();
    watch.arm(item, 15_000);
    vi.advanceTimersByTime(1);
    watch.disarm(item);
  }
  expect(wakes.mock.calls.length).toBeLessThan(3);
  wakes.mockRestore();
});
