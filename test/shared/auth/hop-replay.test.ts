import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HopReplaySettings, newHopReplay, stepHopReplay } from "../../../shared/auth/hop-replay.ts";

const settings: HopReplaySettings = { overtakenMax: 64, isolatesMax: 3, goodForSeconds: 40 };
const second = 1_800_000_000;
const nonce = (isolate: string, count: number, created = second) => ({ isolate, count, created });

test("each request is taken once, in whatever order", () => {
  const state = newHopReplay();
  for (const count of [1, 3, 2, 40, 39, 60])
    expect(stepHopReplay(state, nonce("a", count), second * 1000, settings)).toBeUndefined();
  for (const count of [1, 3, 2, 40, 39, 60])
    expect(stepHopReplay(state, nonce("a", count), second * 1000, settings)).toContain("used before");
  expect(stepHopReplay(state, nonce("b", 1), second * 1000, settings)).toBeUndefined();
});

test("one that too many overtook is refused, never taken twice", () => {
  const state = newHopReplay();
  stepHopReplay(state, nonce("a", 100), second * 1000, settings);
  expect(stepHopReplay(state, nonce("a", 37), second * 1000, settings)).toBeUndefined();
  expect(stepHopReplay(state, nonce("a", 36), second * 1000, settings)).toContain("overtook");
  stepHopReplay(state, nonce("a", 10_000), second * 1000, settings);
  expect(stepHopReplay(state, nonce("a", 100), second * 1000, settings)).toContain("overtook");
});

test("the same as a set of all that were seen, but for what is too old", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(200), fc.nat(4_000)), { maxLength: 300 }), (counts) => {
      const state = newHopReplay();
      const seen = new Set<number>();
      let highest = 0;
      for (const count of counts) {
        const refused = stepHopReplay(state, nonce("a", count), second * 1000, settings);
        const expected = count <= highest - settings.overtakenMax || seen.has(count);
        expect(refused !== undefined).toBe(expected);
        seen.add(count);
        highest = Math.max(highest, count);
      }
    }),
  );
});

describe("isolates", () => {
  test("that fell silent make room", () => {
    const state = newHopReplay();
    for (const name of ["a", "b", "c"]) stepHopReplay(state, nonce(name, 1), second * 1000, settings);
    const later = second + settings.goodForSeconds + 1;
    expect(stepHopReplay(state, nonce("d", 1, later), later * 1000, settings)).toBeUndefined();
    expect([...state.isolates.keys()]).toEqual(["d"]);
    expect(state.floor).toBe(0);
  });

  test("beyond the bound are forgotten, and nothing of theirs is believed again", () => {
    const state = newHopReplay();
    for (const [at, name] of ["a", "b", "c", "d"].entries())
      expect(stepHopReplay(state, nonce(name, 1, second + at), second * 1000, settings)).toBeUndefined();
    expect([...state.isolates.keys()]).toEqual(["b", "c", "d"]);
    expect(stepHopReplay(state, nonce("a", 1, second), second * 1000, settings)).toContain("not known");
    expect(stepHopReplay(state, nonce("e", 1, second + 4), second * 1000, settings)).toBeUndefined();
    expect(state.isolates.size).toBe(3);
  });
});
