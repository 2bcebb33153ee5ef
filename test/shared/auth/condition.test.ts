import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Condition, parseCondition } from "../../../shared/auth/condition.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";

const alice: Identity = {
  sub: "alice",
  issuer: "https://i.example/",
  scopes: ["orders:read"],
  claims: { level: 3, admin: true, tags: ["a", "b"], org: { id: "o1" }, "https://x/y": "z" },
  groups: ["staff"],
  plan: "gold",
  method: "jwt",
};
const request = { method: "GET", host: "api.example", path: "/orders/7", headers: { "x-env": "test" } };

function parsed(text: string): Condition {
  const condition = parseCondition(text);
  if (typeof condition === "string") throw new Error(condition);
  return condition;
}

test.each([
  'identity.sub == "alice" && identity.plan == "gold"',
  '"orders:read" in identity.scopes && "staff" in identity.groups',
  "identity.claims.level >= 3 && identity.claims.admin",
  'identity.claims["https://x/y"] == "z"',
  'has(identity.claims.org) && identity.claims.org.id == "o1"',
  "!has(identity.claims.nothing)",
  'identity.claims.tags.exists(t, t.startsWith("b")) && identity.claims.tags.all(t, size(t) == 1)',
  'identity.claims.tags.filter(t, t == "a").size() == 1',
  'request.method == "GET" ? request.path.startsWith("/orders/") : identity.sub == ""',
  'request.headers["x-env"] == "test" && !("x-none" in request.headers)',
  'identity.consumer == ""',
  'identity.method != "anonymous"',
])("%s is true", (text) => {
  expect(parsed(text).evaluate(alice, request)).toBe(true);
});

test("false is false, and what cannot be evaluated has a reason", () => {
  expect(parsed('identity.sub == "bob"').evaluate(alice, request)).toBe(false);
  expect(parsed("identity.claims.admin").evaluate(anonymous, request)).toBe("No such key: admin");
  expect(parsed("identity.claims.level").evaluate(alice, request)).toMatch(/expected bool/);
  expect(parsed('identity.claims.constructor == "x"').evaluate(alice, request)).toMatch(/No such key/);
  expect(parsed("has(identity.claims.__proto__)").evaluate(alice, request)).toBe(false);
});

describe("is refused", () => {
  test.each([
    ["syntax", "identity.sub =="],
    ["an unknown variable", "user.sub == 1"],
    ["an unknown member", 'identity.subject == "a"'],
    ["types that do not go together", "identity.sub == 1"],
    ["something that is not true or false", "identity.sub"],
    ["a regular expression", 'identity.sub.matches("(a+)+$")'],
    ["one behind a branch", 'true || [1].exists(x, ["a"][0].matches("b"))'],
    ["a binding, which could double a text again and again", 'cel.bind(x, "a", x == "a")'],
    ["map, whose lists grow", "identity.scopes.map(s, identity.scopes).size() == 1"],
    ["split", 'identity.sub.split("").size() == 1'],
    ["a loop inside a loop", "identity.scopes.all(a, identity.groups.all(b, a == b))"],
    ["one hidden in a branch", "identity.scopes.all(a, true ? identity.groups.exists(b, a == b) : false)"],
    ["one hidden in a mapping", '[1].all(a, {"k": [2].all(b, b > a)}["k"])'],
    ["a clock", 'timestamp("2026-01-01T00:00:00Z") == timestamp("2026-01-01T00:00:00Z")'],
    ["too much text", `"${"x".repeat(limits.condition.charsMax)}" == ""`],
    ["too many parts", Array.from({ length: 120 }, () => "true").join("||")],
    ["too much depth", `${"(".repeat(60)}true${")".repeat(60)} && ${"!".repeat(60)}true`],
  ])("%s", (_, text) => {
    expect(parseCondition(text)).toBeTypeOf("string");
  });
});

test("claims of more values than the bound are not evaluated", () => {
  const { claimValuesMax } = limits.condition;
  const condition = parsed('"x" in identity.claims.tags');
  const withTags = (count: number): Identity => ({ ...alice, claims: { tags: new Array(count).fill("x") } });
  expect(condition.evaluate(withTags(claimValuesMax - 1), request)).toBe(true);
  expect(condition.evaluate(withTags(claimValuesMax), request)).toMatch(/values/);
});

test("no text makes the check fail, and none that it accepts throws", () => {
  const words = [
    "identity",
    "request",
    ".",
    "sub",
    "claims",
    "tags",
    '"a"',
    "==",
    "&&",
    "(",
    ")",
    "[",
    "]",
    "1",
    "in",
    "exists",
    "x",
    ",",
    "!",
    "has",
    "size",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 14 }), (pieces) => {
      const condition = parseCondition(pieces.join(" "));
      if (typeof condition !== "string")
        expect(["boolean", "string"]).toContain(typeof condition.evaluate(alice, request));
    }),
    { numRuns: 2_000 },
  );
});
