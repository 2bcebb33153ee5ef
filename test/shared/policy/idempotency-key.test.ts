import fc from "fast-check";
import { parseItem, serializeItem } from "structured-headers";
import { describe, expect, test } from "vitest";
import type { IdempotencySettings } from "../../../shared/policy/idempotency.ts";
import { fingerprintText, readIdempotencyKey } from "../../../shared/policy/idempotency-key.ts";

const settings: IdempotencySettings = {
  required: false,
  ttlMs: 1_000,
  methods: ["PATCH", "POST"],
  header: "idempotency-key",
  unquoted: false,
  fingerprintHeaders: [],
  answerBytesMax: 1,
  onUnknown: "refuse",
};
const read = (value: string | null, more: Partial<IdempotencySettings> = {}, method = "POST") =>
  readIdempotencyKey({ ...settings, ...more }, method, value);

describe("a key", () => {
  test.each([
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"],
    [' "a b" ', "a b"],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['"a";v=1;w', "a"],
    ['","', ","],
    [`"${"x".repeat(255)}"`, "x".repeat(255)],
    [`"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
  ])("%#: %.40s", (value, key) => {
    expect(read(value)).toEqual({ kind: "key", key });
  });

  const refused = [
    "",
    " ",
    '""',
    "abc",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "42",
    "4.2",
    "?1",
    ":YWJj:",
    "@1659578233",
    '%"a"',
    '("a")',
    '"a", "b"',
    '"a", "a"',
    '"a",',
    '"a" "b"',
    '"a"x',
    '"a',
    'a"',
    "'a'",
    '"a\\n"',
    '"a\u0000"',
    '"a\u007f"',
    '"é"',
    '"\u202e"',
    "\u201ca\u201d",
    '"a";V=1',
    '"a";v="',
    `"${"x".repeat(256)}"`,
    `"${"x".repeat(60_000)}"`,
    `"a";v="${"x".repeat(60_000)}"`,
    '"'.repeat(1_000),
    "__proto__",
  ];
  test.each(refused.map((value) => [value.slice(0, 40), value] as const))("%j is none", (_, value) => {
    expect(read(value)).toMatchObject({ kind: "invalid" });
  });

  test.each(["abc", "8e03978e-40d5-43dd-bc93-6894a57f9324", "42", "order:7/a=b+c@d~e_f.g"])(
    "%s without quotes where that is allowed, the same as with them",
    (value) => {
      expect(read(value, { unquoted: true })).toEqual({ kind: "key", key: value });
      expect(read(`"${value}"`, { unquoted: true })).toEqual({ kind: "key", key: value });
    },
  );

  test.each(["a, b", "a,a", "a b", "a;b=1", 'a"', "é", "", '"a", "b"', "(a)", "?1"])(
    "%j is none, quotes or not",
    (value) => {
      expect(read(value, { unquoted: true })).toMatchObject({ kind: "invalid" });
    },
  );

  test("of 256 characters is none, quotes or not", () => {
    expect(read("x".repeat(256), { unquoted: true })).toMatchObject({ kind: "invalid" });
  });

  test("that is missing is refused only where it is required, and only for its methods", () => {
    expect(read(null)).toEqual({ kind: "none" });
    expect(read(null, { required: true })).toEqual({ kind: "missing" });
    expect(read(null, { required: true }, "GET")).toEqual({ kind: "none" });
    expect(read("nonsense", { required: true }, "PUT")).toEqual({ kind: "none" });
  });

  test("whatever it is: nothing is thrown, and a key is what RFC 9651 says", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.string({ unit: "binary", maxLength: 10 }),
      fc
        .array(fc.constantFrom('"', "\\", ",", ";", "=", "a", " ", "\t", "%", ":", "(", ")", "\u0000", "é"))
        .map((parts) => parts.join("")),
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 255 }).map((key) => serializeItem(key)),
    );
    fc.assert(
      fc.property(text, fc.boolean(), (value, unquoted) => {
        const verdict = read(value, { unquoted });
        if (verdict.kind !== "key") {
          expect(verdict.kind).toBe("invalid");
          return;
        }
        expect(verdict.key.length).toBeGreaterThan(0);
        expect(verdict.key).toMatch(/^[\x20-\x7e]{1,255}$/);
        if (unquoted && value.trim() === verdict.key) return;
        expect(parseItem(value.trim())[0]).toBe(verdict.key);
      }),
      { numRuns: 5_000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 255 }), (key) => {
        expect(read(serializeItem(key))).toEqual({ kind: "key", key });
      }),
    );
  });
});

describe("a fingerprint", () => {
  const fields: Record<string, string> = { "content-type": "text/plain", authorization: "Bearer a", "x-a": "1" };
  const request = {
    method: "POST",
    host: "h",
    path: "/a",
    query: "?b",
    header: (name: string) => fields[name] ?? null,
    contentDigest: "d",
  };
  const text = (more: Partial<typeof request> = {}, names: string[] = [], isAnonymous = false): string =>
    fingerprintText({ ...request, ...more }, { fingerprintHeaders: names }, isAnonymous);

  test("is another for every part, and cannot be made equal by moving text between parts", () => {
    const all = [
      text(),
      text({ method: "PATCH" }),
      text({ host: "i" }),
      text({ path: "/b" }),
      text({ query: "" }),
      text({ contentDigest: "e" }),
      text({ host: "h/a", path: "" }),
      text({ header: () => null }),
      text({ header: () => "" }),
      text({}, ["x-a"]),
      text({}, ["x-b"]),
      text({}, [], true),
      text({ header: (name) => (name === "authorization" ? "Bearer b" : request.header(name)) }, [], true),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(text({ header: (name) => (name === "x-a" ? "2" : request.header(name)) })).toBe(text());
  });
});
