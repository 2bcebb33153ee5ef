/** Expressions of ECMA-262 as RE2 has them find the same: JavaScript's own engine is the judge. */
import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { translateRegex } from "../../../cli/contract/ecma-regex.ts";

const TEXTS = [
  ...["", "a", "b", "Z", "-", "_", ".", "5", "09", "aa", "a-b", "a\nb", "\n", "\r", "\u2028", "\u00a0", "\ufeff", "\v"],
  ...[
    "é",
    "Ω",
    "😀",
    "a😀b",
    "]",
    "[",
    "{",
    "}",
    "{2}",
    "a{2}",
    "a{",
    "x",
    "^",
    "$",
    "|",
    "\\",
    "/",
    "\x08",
    "\x01",
    "\0",
  ],
  ...[
    "hello world",
    "foo.bar@x.y",
    "2020-01-02",
    "A1b2",
    "ſ",
    "K",
    "İ",
    " ",
    "\t",
    "p",
    "pL",
    "c",
    "\\c",
    "u0041",
    "k",
  ],
];

const compare = (source: string, texts: readonly string[]): string[] => {
  const { pattern } = translateRegex(source);
  if (pattern === undefined) return [`${source} has no counterpart`];
  const regex = RE2JS.compile(pattern);
  let judge: RegExp;
  try {
    judge = new RegExp(source, "u");
  } catch {
    judge = new RegExp(source);
  }
  return texts
    .filter((text) => judge.test(text) !== regex.test(text))
    .map((text) => `${source} ${JSON.stringify(text)}`);
};

test.each([
  ...[
    "^a*$",
    "[a-z-9]",
    "[a-z-]",
    "[-a]",
    "[\\w-.]",
    "^[\\w.-]+$",
    "[]",
    "[^]",
    "[^\\s]",
    "[\\S]",
    "\\S",
    "\\s",
    "[\\s\\d]",
  ],
  ...[
    ".",
    "^.$",
    "a.b",
    "\\d",
    "[\\D]",
    "\\u{1F600}",
    "\\uD83D\\uDE00",
    "^😀$",
    "[😀-😂]",
    "\\cA",
    "\\cJ",
    "[\\cA]",
    "\\0",
  ],
  ...[
    "\\x41",
    "\\u0041",
    "\\/",
    "\\-",
    "[\\-a]",
    "\\_",
    "\\@",
    "a{2}",
    "a{",
    "a{,2}",
    "x{1,",
    "{",
    "}",
    "]",
    "\\]",
    "[[]",
  ],
  ...[
    "[\\[\\]]",
    "[[:alpha:]]",
    "[a&&b]",
    "(?:a|b)+",
    "(?<n>a)b",
    "a+?",
    "a??",
    "^(?:\\d{4})-(?:\\d\\d)-\\d\\d$",
    "\\p{L}",
  ],
  ...[
    "\\p{Letter}",
    "\\P{Lu}",
    "\\p{Script=Greek}",
    "\\p{gc=Lu}",
    "[\\p{L}\\d]",
    "[^\\p{L}]",
    "\\bfoo\\b",
    "\\Bo",
    "[\\b]",
  ],
  ...[
    "\\v",
    "\\f",
    "\\t",
    "$",
    "^",
    "a$b",
    "\\$",
    "(?i:k)",
    "\\p{ASCII}",
    "[\\P{ASCII}]",
    "^\\S+@\\S+\\.\\S+$",
    "[+--]",
  ],
  ...[
    "[!-~]",
    "[^a-c]",
    "[\\]]",
    "[\\\\]",
    "a|",
    "()",
    "|",
    "[\\0-\\x1f]",
    "[^\\W]",
    "\\W",
    "[a\\-z]",
    "^[^\\n]*$",
    "\\k",
  ],
  ...["\\c", "\\a", "\\pL", "[{}]", "[\\d-x]", "[x-\\d]"],
])("%s", (source) => {
  expect(compare(source, TEXTS)).toEqual([]);
});

test("expressions put together by chance", () => {
  const atoms = [
    "a",
    "b",
    ".",
    "\\d",
    "\\w",
    "\\s",
    "\\S",
    "[a-c]",
    "[^b-]",
    "[\\w-]",
    "\\u0061",
    "é",
    "😀",
    "\\.",
    "\\p{Ll}",
  ];
  const quantified = fc.tuple(fc.constantFrom(...atoms), fc.constantFrom("", "*", "+", "?", "{2}", "{1,3}", "{0,2}?"));
  const sequence = fc.array(quantified, { minLength: 1, maxLength: 4 }).map((parts) => parts.flat().join(""));
  const expression = fc.oneof(
    sequence,
    fc.tuple(sequence, sequence).map(([left, right]) => `^(?:${left}|${right})$`),
    sequence.map((one) => `^${one}$`),
  );
  const text = fc
    .array(fc.constantFrom("a", "b", "c", "-", "1", " ", "\n", "é", "😀", "."), { maxLength: 6 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(expression, fc.array(text, { maxLength: 5 }), (source, texts) => {
      expect(compare(source, texts)).toEqual([]);
    }),
    { numRuns: 400 },
  );
});

describe("what has no counterpart", () => {
  test.each([
    ["(?=a)", "pattern", /looks around/],
    ["(?!a)", "pattern", /looks around/],
    ["(?<=a)", "pattern", /looks around/],
    ["(?<!a)", "pattern", /looks around/],
    ["(a)\\1", "pattern", /refers back/],
    ["(?<n>a)\\k<n>", "pattern", /refers back/],
    ["\\p{Emoji}", "pattern", /property of Unicode \(Emoji\)/],
    ["[\\ud800]", "pattern", /surrogate/],
    ["a{1001}", "pattern", /repeat/],
    ["((a{100}){100}){100}", "pattern", /repeat|too large/],
    ["(", "schema", /not a regular expression/],
    ["[b-a]", "schema", /not a regular expression/],
  ])("%s", (source, kind, reason) => {
    expect(translateRegex(source)).toMatchObject({ kind, reason: expect.stringMatching(reason) });
  });
});
