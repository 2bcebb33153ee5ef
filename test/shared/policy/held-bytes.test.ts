import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closeShare, growShare, newHeldBytes, openShare, type Share } from "../../../shared/policy/held-bytes.ts";

describe("held bytes", () => {
  test("a share grows up to what is left, and gives it back once", () => {
    const held = newHeldBytes();
    const [first, second] = [openShare(held, 1000, 0), openShare(held, 1000, 0)];
    expect(growShare(held, first, 60, 100, 0)).toBe(true);
    expect(growShare(held, second, 41, 100, 0)).toBe(false);
    expect(growShare(held, second, 40, 100, 0)).toBe(true);
    closeShare(held, first);
    closeShare(held, first);
    expect(held.bytes).toBe(40);
    expect(growShare(held, second, 100, 100, 0)).toBe(true);
  });

  test("what a broken-off request held is free when its time is over", () => {
    const held = newHeldBytes();
    growShare(held, openShare(held, 1000, 0), 100, 100, 0);
    const later = openShare(held, 2000, 0);
    expect(growShare(held, later, 1, 100, 999)).toBe(false);
    expect(growShare(held, later, 1, 100, 1000)).toBe(true);
    expect(held.bytes).toBe(1);
  });

  test("broken-off requests leave nothing behind once their time is over", () => {
    const held = newHeldBytes();
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10)
      growShare(held, openShare(held, nowMs + 1000, nowMs), 1, 1e9, nowMs);
    expect(held.shares.size).toBeLessThanOrEqual(101);
    expect(held.bytes).toBe(held.shares.size);
  });

  test("a share that has ended gets no more", () => {
    const held = newHeldBytes();
    const share = openShare(held, 1000, 0);
    closeShare(held, share);
    expect(growShare(held, share, 1, 100, 0)).toBe(false);
  });

  test("whatever happens, the sum is that of the open shares and within the bound", () => {
    const act = fc.record({
      open: fc.boolean(),
      at: fc.nat(9),
      bytes: fc.nat(60),
      close: fc.boolean(),
      passMs: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const held = newHeldBytes();
        const shares: Share[] = [];
        let nowMs = 0;
        for (const { open, at, bytes, close, passMs } of acts) {
          nowMs += passMs;
          if (open || shares.length === 0) shares.push(openShare(held, nowMs + 100, nowMs));
          const share = shares[at % shares.length] as Share;
          if (close) closeShare(held, share);
          else growShare(held, share, bytes, 100, nowMs);
          expect(held.bytes).toBe([...held.shares].reduce((sum, one) => sum + one.bytes, 0));
          expect(held.bytes).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});
