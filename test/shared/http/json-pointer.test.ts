import { expect, test } from "vitest";
import { parsePointer, pointerOf } from "../../../shared/http/json-pointer.ts";

test.each<[pointer: string, keys: readonly string[]]>([
  ["", []],
  ["/", [""]],
  ["/a~1b/m~0n/0", ["a/b", "m~n", "0"]],
  ["/~01", ["~1"]],
])("%j and its keys", (pointer, keys) => {
  expect(parsePointer(pointer)).toEqual(keys);
  expect(pointerOf(keys)).toBe(pointer);
});

test.each(["a", "a/b", "/~", "/a~2"])("%j is no pointer", (text) => {
  expect(parsePointer(text)).toBeUndefined();
});
