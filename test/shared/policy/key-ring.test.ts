import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type KeyRing,
  type KeyRingEvent,
  type KeyRingSettings,
  keyIn,
  ringDueAt,
  rotationIsDue,
  stepKeyRing,
} from "../../../shared/policy/key-ring.ts";

const settings: KeyRingSettings = { everyMs: 10_000, waitMaxMs: 500, keptMs: 1_000, keptMinMs: 100, keysMax: 3 };
const made = (kid: string, now = false, revoke = false): KeyRingEvent => ({ type: "made", kid, now, revoke });
const tick = (lagging = 0): KeyRingEvent => ({ type: "tick", lagging });
const states = (ring: KeyRing) => ring.keys.map(({ kid, state }) => `${kid} ${state}`);

function started(): KeyRing {
  const ring = { keys: [] };
  stepKeyRing(ring, made("a", true), 0, settings);
  return ring;
}

test("a new key is used when everybody has it, the old one is believed on and then dropped", () => {
  const ring = started();
  expect(stepKeyRing(ring, made("b"), 10, settings)).toEqual({ changed: true, dropped: [] });
  expect(states(ring)).toEqual(["a current", "b next"]);
  expect(stepKeyRing(ring, tick(2), 20, settings).changed).toBe(false);
  expect(stepKeyRing(ring, tick(0), 30, settings)).toEqual({ changed: true, dropped: [] });
  expect(states(ring)).toEqual(["a retired", "b current"]);
  expect(stepKeyRing(ring, tick(), 1_029, settings).changed).toBe(false);
  expect(stepKeyRing(ring, tick(), 1_030, settings)).toEqual({ changed: true, dropped: ["a"] });
  expect(states(ring)).toEqual(["b current"]);
});

test("nobody is waited for longer than the bound", () => {
  const ring = started();
  stepKeyRing(ring, made("b"), 10, settings);
  expect(stepKeyRing(ring, tick(1), 509, settings).changed).toBe(false);
  expect(stepKeyRing(ring, tick(1), 510, settings).changed).toBe(true);
  expect(keyIn(ring, "current")?.kid).toBe("b");
});

describe("a second key", () => {
  test("is refused while one waits", () => {
    const ring = started();
    stepKeyRing(ring, made("b"), 10, settings);
    expect(stepKeyRing(ring, made("c"), 20, settings)).toMatchObject({ changed: false, refused: expect.any(String) });
    expect(states(ring)).toEqual(["a current", "b next"]);
  });

  test("takes the place of one that waits when it is wanted now", () => {
    const ring = started();
    stepKeyRing(ring, made("b"), 10, settings);
    expect(stepKeyRing(ring, made("c", true), 20, settings)).toEqual({ changed: true, dropped: ["b"] });
    expect(states(ring)).toEqual(["a retired", "c current"]);
  });

  test("after a theft leaves nothing of the others", () => {
    const ring = started();
    stepKeyRing(ring, made("b", true), 10, settings);
    expect(stepKeyRing(ring, made("c", true, true), 20, settings)).toEqual({ changed: true, dropped: ["a", "b"] });
    expect(states(ring)).toEqual(["c current"]);
  });
});

test("with too many keys the oldest goes once nothing of it can live, and before that the new one is refused", () => {
  const ring = started();
  for (const [at, kid] of ["b", "c"].entries()) stepKeyRing(ring, made(kid, true), 10 + at, settings);
  expect(stepKeyRing(ring, made("d"), 109, settings)).toMatchObject({ changed: false, refused: expect.any(String) });
  expect(stepKeyRing(ring, made("d"), 110, settings)).toEqual({ changed: true, dropped: ["a"] });
  expect(states(ring)).toEqual(["b retired", "c current", "d next"]);
});

test("an old key is due once, and the clock says when to look", () => {
  const ring = started();
  expect(rotationIsDue(ring, 9_999, settings)).toBe(false);
  expect(rotationIsDue(ring, 10_000, settings)).toBe(true);
  expect(ringDueAt(ring, 5, settings, 50)).toBe(10_000);
  stepKeyRing(ring, made("b"), 10_000, settings);
  expect(rotationIsDue(ring, 10_001, settings)).toBe(false);
  expect(ringDueAt(ring, 10_001, settings, 50)).toBe(10_051);
  stepKeyRing(ring, tick(), 10_100, settings);
  expect(ringDueAt(ring, 10_100, settings, 50)).toBe(11_100);
});

test("whatever happens there is one current key, a bounded number of others, and a retired one is kept its time", () => {
  const event = fc.oneof(
    fc.record({ type: fc.constant("made" as const), now: fc.boolean(), passMs: fc.nat(400) }),
    fc.record({ type: fc.constant("tick" as const), lagging: fc.nat(2), passMs: fc.nat(400) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const ring = started();
      const retiredAt = new Map<string, number>();
      let nowMs = 0;
      for (const [index, one] of events.entries()) {
        nowMs += one.passMs;
        const before = keyIn(ring, "current")?.kid ?? "";
        const { dropped } = stepKeyRing(
          ring,
          one.type === "made" ? made(`k${index}`, one.now) : tick(one.lagging),
          nowMs,
          settings,
        );
        if (keyIn(ring, "current")?.kid !== before) retiredAt.set(before, nowMs);
        for (const kid of dropped)
          if (retiredAt.has(kid)) expect(nowMs - (retiredAt.get(kid) ?? 0)).toBeGreaterThanOrEqual(settings.keptMinMs);
        expect(ring.keys.filter(({ state }) => state === "current")).toHaveLength(1);
        expect(ring.keys.filter(({ state }) => state === "next").length).toBeLessThanOrEqual(1);
        expect(ring.keys.length).toBeLessThanOrEqual(settings.keysMax);
      }
    }),
  );
});
