/** Whatever an identity says of itself, a header field stays one field with one value. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTemplate } from "../../../shared/config/template.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { forgedFields, identityFields } from "../../../shared/policy/identity-headers.ts";

const alice = (more: Partial<Identity> = {}): Identity => ({
  sub: "alice",
  issuer: "https://login.example/",
  scopes: ["orders:read", "orders:write"],
  claims: {},
  groups: [],
  method: "jwt",
  ...more,
});
const say = (template: string, identity: Identity) =>
  identityFields({ "x-told": parseTemplate(template).parts }, identity);
const claim = (value: unknown) => say("{identity.claims.c}", alice({ claims: { c: value } }));

test.each<[string, string, string]>([
  ["a member", "{identity.sub}", "alice"],
  ["a list, by spaces", "{identity.scopes}", "orders:read orders:write"],
  ["with text around it", "urn:user:{identity.sub} of {identity.issuer}", "urn:user:alice of https://login.example/"],
])("%s", (_, template, value) => {
  expect(say(template, alice())).toEqual({ fields: [["x-told", value]] });
});

test.each<[string, unknown, string]>([
  ["a number", 3.5, "3.5"],
  ["false", false, "false"],
  ["a list of several types", ["a", 1, true], "a 1 true"],
  ["a line feed", "a\r\nx-admin: true", "a%0D%0Ax-admin:%20true"],
  ["a zero byte", "a\0b", "a%00b"],
  ["a tab and spaces at its ends", "\t a ", "%09%20a%20"],
  ["what separates values", 'a,b;c "d"', "a%2Cb%3Bc%20%22d%22"],
  ["an escape", "100%25", "100%2525"],
  ["letters beyond ASCII", "Zoë 李", "Zo%C3%AB%20%E6%9D%8E"],
  ["beyond the basic plane", "\u{1f600}", "%F0%9F%98%80"],
  ["a line separator and a byte order mark", "\u2028\ufeff", "%E2%80%A8%EF%BB%BF"],
  ["DEL and C1", "\x7f\x85", "%7F%C2%85"],
  ["a member of a list with a space", ["a b", "c"], "a%20b c"],
  ["empty members of a list", ["", "a", ""], "a"],
  ["what providers use", "auth0|5f7|a@b.example", "auth0|5f7|a@b.example"],
])("%s", (_, value, told) => {
  expect(claim(value)).toEqual({ fields: [["x-told", told]] });
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["null", null],
  ["an empty text", ""],
  ["an empty list", []],
  ["an object", { a: 1 }],
  ["a list with an object", ["a", {}]],
  ["a list with a list", ["a", ["b"]]],
  ["half a surrogate pair", "a\ud800"],
  ["a list with half a surrogate pair", ["a", "\udfff"]],
])("%s is left out", (_, value) => {
  expect(claim(value)).toEqual({ fields: [] });
});

test.each(["constructor", "__proto__", "toString"])("%s is no claim unless it was said", (name) => {
  expect(say(`{identity.claims.${name}}`, alice())).toEqual({ fields: [] });
  expect(say(`{identity.claims.${name}.name}`, alice())).toEqual({ fields: [] });
});

test("of several holes one that is missing leaves the field out", () => {
  expect(say("{identity.sub}/{identity.claims.tenant}", alice())).toEqual({ fields: [] });
});

test("nobody who is anonymous is told of", () => {
  expect(say("{identity.sub}", anonymous)).toEqual({ fields: [] });
});

describe("bounds", () => {
  const { valueCharsMax, charsMax } = limits.identityHeaders;
  test("of one value, as it is sent", () => {
    expect(claim("a".repeat(valueCharsMax)).fields).toHaveLength(1);
    expect(claim("a".repeat(valueCharsMax + 1)).refused).toBe(`x-told has ${valueCharsMax + 1} characters`);
    expect(claim("é".repeat(valueCharsMax / 6 + 1)).refused).toBeDefined();
  });
  test("of all together", () => {
    const half = Math.floor(charsMax / 2);
    const identity = alice({ claims: { c: "a".repeat(half - 1) } });
    const { parts } = parseTemplate("{identity.claims.c}");
    expect(identityFields({ a: parts, b: parts }, identity).fields).toHaveLength(2);
    expect(identityFields({ a: parts, bbb: parts }, identity).refused).toBe(
      `the identity headers have ${charsMax + 2} characters`,
    );
  });
});

test("any claim: one line of visible ASCII, which decodes to what was said", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const { fields } = claim(text);
      if (!text.isWellFormed() || text === "") {
        expect(fields).toEqual([]);
        return;
      }
      const value = fields?.[0]?.[1] ?? "";
      expect(value).toMatch(/^[\x21-\x7e]+$/);
      expect(value).not.toMatch(/[",;]/);
      expect(decodeURIComponent(value)).toBe(text);
    }),
  );
});

test("any identity: never an error", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { fields = [] } = claim(value);
      for (const [, told] of fields) expect(told).toMatch(/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/);
    }),
  );
});

test("a client's own copies are found, however servers may read them", () => {
  const names = ["x-user-id", "x_user_id", "x_user-id", "x-user-idx", "user-id", "accept"];
  expect(forgedFields(["x-user-id"], names)).toEqual(["x-user-id", "x_user_id", "x_user-id"]);
});
