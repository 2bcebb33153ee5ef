import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { parseRegex, type SafeRegex } from "../../../shared/policy/safe-regex.ts";

function regex(source: string): SafeRegex {
  const parsed = parseRegex(source);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

describe("what is found", () => {
  test.each([
    ["[0-9]+", "42", true],
    ["[0-9]+", "42x", false],
    ["a|ab", "ab", true],
    ["(?i)abc", "aBC", true],
    [".*", "a\nb", false],
    ["(?s).*", "a\nb", true],
    ["\\d", "\u0663", false],
    ["\\pL+", "\u00e9", true],
    ["^/a$", "/a", true],
    ["(?:)", "", true],
  ])("%s and %j: %s", (source, text, whole) => expect(regex(source).matches(text)).toBe(whole));
  test("anywhere, and replaced", () => {
    expect(regex("b+").finds("abbc")).toBe(true);
    expect(regex("^b").finds("abbc")).toBe(false);
    expect(regex("/v(\\d)/").replaceAll("/v1/a", "/$1/")).toBe("/1/a");
    expect(regex("(?P<n>[a-z])").replaceAll("ab", "<$<n>>")).toBe("<a><b>");
    expect(regex("a").replaceAll("a", "$$1")).toBe("$1");
  });
});

describe("what is refused", () => {
  test.each([
    ["(", "missing closing )"],
    ["[a", "missing closing ]"],
    ["a**", "invalid nested repetition"],
    ["(?=a)", "look-around"],
    ["(?<!a)b", "look-around"],
    ["(a)\\1", "back-references"],
    ["(?:x{1000}){1000}", "repeat count"],
    ["a{600}", "instructions"],
    ["\ud800", "well-formed"],
    ["a".repeat(limits.regex.charsMax + 1), "characters"],
  ])("%j: %s", (source, why) => expect(parseRegex(source)).toContain(why));
  test("the longest is not", () => {
    expect(regex(`a{${limits.regex.programMax - 2}}`).matches("a".repeat(limits.regex.programMax - 2))).toBe(true);
    expect(typeof parseRegex("a".repeat(500))).toBe("object");
  });
});

test("a text beyond the bound is not looked at", () => {
  const { textCharsMax } = limits.regex;
  expect(regex("a*").matches("a".repeat(textCharsMax))).toBe(true);
  expect(regex("a*").matches("a".repeat(textCharsMax + 1))).toBe(false);
  expect(regex("a").finds("a".repeat(textCharsMax + 1))).toBe(false);
  expect(regex("a").replaceAll("a".repeat(textCharsMax + 1), "b")).not.toContain("b");
});

test("what ruins engines that backtrack ends", () => {
  for (const source of ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){12}", "([a-z]+)*!"])
    expect(regex(source).matches(`${"a".repeat(limits.regex.textCharsMax - 1)}!`)).toBe(source.endsWith("!"));
});

test("simple expressions mean what they mean to JavaScript", () => {
  const atom = fc.constantFrom("a", "b", "[ab]", "[^a]", ".", "\\d", "(?:a|bc)", "\\.");
  const source = fc
    .array(fc.tuple(atom, fc.constantFrom("", "*", "+", "?", "{1,2}")), { minLength: 1, maxLength: 5 })
    .map((pieces) => pieces.map(([one, times]) => one + times).join(""));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", "."), maxLength: 8 });
  fc.assert(
    fc.property(source, text, (pattern, given) => {
      expect(regex(pattern).matches(given)).toBe(new RegExp(`^(?:${pattern})$`, "u").test(given));
      expect(regex(pattern).finds(given)).toBe(new RegExp(pattern, "u").test(given));
    }),
    { numRuns: 500 },
  );
});
