import { expect, test } from "vitest";
import { exactUtf8Text, utf8Text } from "../../../shared/http/utf8-text.ts";

test("a byte order mark is left out, or is a character", () => {
  const bytes = Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]);
  expect(utf8Text(bytes)).toBe("a");
  expect(exactUtf8Text(bytes)).toBe("\ufeffa");
});

test.each([
  ["a half", [0xc3]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a longer form", [0xc0, 0x80]],
])("%s is no UTF-8", (_, bytes) => {
  expect(utf8Text(Uint8Array.from(bytes))).toBeUndefined();
  expect(exactUtf8Text(Uint8Array.from(bytes))).toBeUndefined();
});
