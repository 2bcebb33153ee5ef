import { expect, test } from "vitest";
import { decodeEscapes, decodeField } from "../../../shared/http/escapes.ts";

test.each<[text: string, decoded: string | undefined, field?: string]>([
  ["a+b", "a+b", "a b"],
  ["%2B+%20", "++ ", "+  "],
  ["%C3%A4", "ä", "ä"],
  ["%", undefined],
  ["%zz", undefined],
  ["%C3", undefined],
  ["%ED%A0%80", undefined],
])("%j", (text, decoded, field) => {
  expect(decodeEscapes(text)).toBe(decoded);
  expect(decodeField(text)).toBe(field);
});
