import { expect, test } from "vitest";
import { appliedAtMs, isOldPublication } from "../../../shared/policy/publication.ts";

test("a version is later than the one before, also by a clock that was set back", () => {
  expect(appliedAtMs(undefined, 50)).toBe(50);
  expect(appliedAtMs(100, 150)).toBe(150);
  expect(appliedAtMs(100, 50)).toBe(101);
});

test("a publication that comes late is left, one of a store that counts anew is taken", () => {
  const held = { version: 6, appliedAtMs: 101 };
  expect(isOldPublication({ version: 5, appliedAtMs: 100 }, held)).toBe(true);
  expect(isOldPublication(held, held)).toBe(true);
  expect(isOldPublication({ version: 7, appliedAtMs: 102 }, held)).toBe(false);
  expect(isOldPublication({ version: 1, appliedAtMs: 900 }, held)).toBe(false);
});
