import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHttpDate, parseHttpDate } from "../../../shared/http/http-date.ts";

const now = Date.UTC(2026, 10, 21);
const parse = (text: string): number | undefined => parseHttpDate(text, now);

describe("dates of fields, RFC 9110 section 5.6.7", () => {
  test("the three forms of one moment", () => {
    const moment = Date.UTC(1994, 10, 6, 8, 49, 37);
    expect(parse("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(moment);
    expect(parse("Sunday, 06-Nov-94 08:49:37 GMT")).toBe(moment);
    expect(parse("Sun Nov  6 08:49:37 1994")).toBe(moment);
  });

  test("two digits of a year are less than 50 years ahead", () => {
    expect(parse("Thursday, 18-Aug-50 02:01:18 GMT")).toBe(Date.UTC(2050, 7, 18, 2, 1, 18));
    expect(parse("Thursday, 18-Aug-76 02:01:18 GMT")).toBe(Date.UTC(2076, 7, 18, 2, 1, 18));
    expect(parse("Thursday, 18-Aug-77 02:01:18 GMT")).toBe(Date.UTC(1977, 7, 18, 2, 1, 18));
    expect(parseHttpDate("Thursday, 18-Aug-05 02:01:18 GMT", Date.UTC(2080, 0))).toBe(Date.UTC(2105, 7, 18, 2, 1, 18));
  });

  test("any case of letters", () => {
    const moment = Date.UTC(2050, 7, 18, 2, 1, 18);
    for (const text of [
      "THU, 18 Aug 2050 02:01:18 GMT",
      "Thu, 18 AUG 2050 02:01:18 GMT",
      "Thu, 18 Aug 2050 02:01:18 gMT",
    ])
      expect(parse(text)).toBe(moment);
  });

  test.each([
    "0",
    "",
    "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 AEST",
    "Thu, 18 Aug 50 02:01:18 GMT",
    "Thu 18 Aug 2050 02:01:18 GMT",
    "Thu, 18  Aug  2050 02:01:18 GMT",
    "Thu, 18-Aug-2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 02.01.18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT",
    "Thu, 31 Feb 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 24:01:18 GMT",
    "Thu, 18 Aug 2050 02:61:18 GMT",
    "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
  ])("%s is no date", (text) => expect(parse(text)).toBeUndefined());

  test("what is written is read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
        expect(parse(formatHttpDate(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });
});
