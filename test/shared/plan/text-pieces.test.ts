import fc from "fast-check";
import { expect, test } from "vitest";
import { textPieces } from "../../../shared/plan/text-pieces.ts";

test.each([
  ["", 3, [""]],
  ["abc", 3, ["abc"]],
  ["abcd", 3, ["abc", "d"]],
  ["ab\u{1f600}c", 3, ["ab", "\u{1f600}c"]],
  ["\u{1f600}\u{1f600}", 2, ["\u{1f600}", "\u{1f600}"]],
])("%j by %d", (text, charsMax, pieces) => expect(textPieces(text, charsMax)).toEqual(pieces));

test("pieces are the text again, and whole texts of their own", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 2, max: 9 }), (text, charsMax) => {
      const pieces = textPieces(text, charsMax);
      expect(pieces.join("")).toBe(text);
      for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(charsMax);
      if (text.isWellFormed()) for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
    }),
  );
});
