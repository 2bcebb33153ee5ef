import fc from "fast-check";
import { expect, test } from "vitest";
import { base64urlOfHex, bytesOfBase64, isCanonicalBase64url, textOfBase64url } from "../../../shared/http/base64.ts";

test("bytes come back, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      expect(bytesOfBase64(buffer.toString("base64"))).toEqual(bytes);
      expect(base64urlOfHex(buffer.toString("hex"))).toBe(buffer.toString("base64url"));
      if (bytes.length > 0) expect(isCanonicalBase64url(buffer.toString("base64url"))).toBe(true);
    }),
  );
});

test("one spelling for one sequence of bytes", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9+/=_\- ]{0,12}$/), (text) => {
      const bytes = bytesOfBase64(text);
      if (bytes !== undefined) expect(Buffer.from(bytes).toString("base64")).toBe(text);
      if (isCanonicalBase64url(text)) expect(Buffer.from(text, "base64url").toString("base64url")).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test.each(["A", "AB==", "AAB=", "AA=A", "A===", "====", "AAAA=", " AAA", "AA\nAA", "AA--"])(
  "%j is no base64",
  (text) => {
    expect(bytesOfBase64(text)).toBeUndefined();
  },
);

test.each(["", "A", "AB", "AAB", "AA==", "AA+A", "AA A"])("%j is no canonical base64url", (text) => {
  expect(isCanonicalBase64url(text)).toBe(false);
});

test("text is UTF-8", () => {
  expect(textOfBase64url(Buffer.from("Söhne €").toString("base64url"))).toBe("Söhne €");
  expect(textOfBase64url("_w")).toBeUndefined();
});
