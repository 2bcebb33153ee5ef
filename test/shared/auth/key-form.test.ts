import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KEY_PREFIX, KEY_RANDOM_BYTES, keyOf, keyStart, refuseKeyForm } from "../../../shared/auth/key-form.ts";

const bytes = (byte: number, count = KEY_RANDOM_BYTES): Uint8Array => new Uint8Array(count).fill(byte);
const KEY =
  keyOf(
    "slv",
    Uint8Array.from({ length: 24 }, (_, at) => at),
  ) ?? "";

describe("keyOf", () => {
  test("prefix, 24 random characters, checksum", () => {
    // CRC-32 of what is before it, as zlib computes it (882b67ed), in base62.
    expect(KEY).toBe("slv_0123456789ABCDEFGHIJKLMN2Ubimb");
  });
  test("leaves out bytes that would make some characters likelier, and says when there were too few", () => {
    expect(keyOf("slv", bytes(248))).toBeUndefined();
    expect(keyOf("slv", Uint8Array.from([...bytes(255, 20), ...bytes(61, 24)]))).toMatch(/^slv_z{24}/);
    expect(keyOf("slv", bytes(0, 23))).toBeUndefined();
  });
});

describe("refuseKeyForm", () => {
  test("takes what keyOf made, for any prefix and bytes", () => {
    fc.assert(
      fc.property(fc.stringMatching(KEY_PREFIX), fc.uint8Array({ minLength: 64, maxLength: 64 }), (prefix, random) => {
        const key = keyOf(prefix, random);
        fc.pre(key !== undefined);
        expect(refuseKeyForm(key ?? "", prefix, false)).toBeUndefined();
        expect(refuseKeyForm(key ?? "", `${prefix}x`, false)).toBeDefined();
        expect(keyStart(key ?? "", prefix)).toBe((key ?? "").slice(0, prefix.length + 5));
      }),
    );
  });
  test("refuses every change of one character", () => {
    for (let at = 0; at < KEY.length; at++) {
      const other = KEY.charAt(at) === "x" ? "y" : "x";
      expect(refuseKeyForm(KEY.slice(0, at) + other + KEY.slice(at + 1), "slv", false)).toBeDefined();
    }
  });
  test.each(["", "slv_", `${KEY} `, ` ${KEY}`, KEY.toLowerCase(), `${KEY}0`, KEY.slice(0, -1), `x${KEY}`, `${KEY}\n`])(
    "refuses %j",
    (text) => {
      expect(refuseKeyForm(text, "slv", false)).toBeDefined();
    },
  );
  test("never fails, and takes other forms only where they are wanted", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(refuseKeyForm(text, "slv", false)).toBeDefined();
        const isVisible = /^[\x21-\x7e]{16,256}$/.test(text);
        expect(refuseKeyForm(text, "slv", true) === undefined).toBe(isVisible);
      }),
    );
  });
});
