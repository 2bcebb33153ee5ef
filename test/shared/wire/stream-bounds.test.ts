import { expect, test } from "vitest";
import { formatStreamBounds, parseStreamBounds } from "../../../shared/wire/stream-bounds.ts";

test.each([
  { route: "chat", idleMs: 1_000, upgradedMax: 5 },
  { route: "chat", idleMs: 0, upgradedMax: undefined },
  { route: "chat", idleMs: undefined, upgradedMax: 1 },
])("%o is read as it was written", (bounds) => {
  expect(parseStreamBounds(formatStreamBounds(bounds) ?? "")).toEqual(bounds);
});

test("nothing to tell, nothing told", () => {
  expect(formatStreamBounds({ route: "chat", idleMs: undefined, upgradedMax: undefined })).toBeUndefined();
});

test.each(["", "5", "5 5", "-1 5 chat", "5 5 two words", "x 5 chat", "5 99999999 chat"])("%j is nothing", (text) => {
  expect(parseStreamBounds(text)).toBeUndefined();
});
