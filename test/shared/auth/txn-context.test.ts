/** What a transaction token says of the transaction: values keep their type, and have bounds. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ContextScope,
  type ContextSource,
  queryParameters,
  txnContext,
} from "../../../shared/auth/txn-context.ts";
import { txnTokenClaims } from "../../../shared/auth/txn-token-claims.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";

const alice = (claims: Record<string, unknown> = {}): Identity => ({
  sub: "alice",
  issuer: "i",
  scopes: ["a", "b"],
  claims,
  groups: [],
  method: "jwt",
});
const fill = (
  members: Readonly<Record<string, ContextSource>>,
  identity = alice(),
  path: Record<string, string> = {},
  query: ContextScope["query"] = {},
) => txnContext({ members, ofRequest: false }, { identity, path, query });
const claim = (value: unknown) => fill({ c: { from: ["identity", "claims", "c"] } }, alice({ c: value }));

test.each<[string, unknown]>([
  ["a text", "acme"],
  ["a text that looks like a fault", "too long"],
  ["a number", 3],
  ["false", false],
  ["a list", ["a", 1, true]],
  ["an empty text", ""],
  ["an empty list", []],
])("%s keeps its type", (_, value) => {
  expect(claim(value)).toEqual({ values: { c: value }, text: JSON.stringify({ c: value }), ofRequest: false });
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["null", null],
  ["an object", { a: 1 }],
  ["a list with an object", [{}]],
  ["half a surrogate pair", "\ud800"],
])("%s is left out", (_, value) => {
  expect(claim(value)).toMatchObject({ values: {}, text: "{}" });
});

test("constants, and values of identity, path and query", () => {
  const members: Record<string, ContextSource> = {
    kind: { constant: "order" },
    level: { constant: 2 },
    scopes: { from: ["identity", "scopes"] },
    order: { from: ["path", "id"] },
    page: { from: ["query", "page"] },
    other: { from: ["query", "other"] },
    proto: { from: ["query", "__proto__"] },
  };
  expect(fill(members, alice(), { id: "7" }, { page: "2" })).toMatchObject({
    values: { kind: "order", level: 2, scopes: ["a", "b"], order: "7", page: "2" },
  });
});

test("a parameter that is given several times is a bad request where it is told of", () => {
  const query = queryParameters(new URLSearchParams("page=1&tag=a&tag=b&__proto__=x"));
  expect(fill({ page: { from: ["query", "page"] } }, alice(), {}, query)).toMatchObject({ values: { page: "1" } });
  expect(fill({ tag: { from: ["query", "tag"] } }, alice(), {}, query)).toMatchObject({ code: "bad_request" });
});

test("of who is anonymous only what the request itself says", () => {
  const members: Record<string, ContextSource> = {
    sub: { from: ["identity", "sub"] },
    order: { from: ["path", "id"] },
    kind: { constant: true },
  };
  expect(fill(members, anonymous, { id: "7" })).toMatchObject({ values: { order: "7", kind: true } });
});

describe("bounds", () => {
  const { textCharsMax, listMax, charsMax } = limits.txnContext;
  test.each<[string, unknown]>([
    ["a text", "a".repeat(textCharsMax + 1)],
    ["a list", Array(listMax + 1).fill(1)],
    ["a text in a list", ["a".repeat(textCharsMax + 1)]],
  ])("%s that is too long refuses the request: the identity's", (_, value) => {
    expect(claim(value)).toMatchObject({ code: "not_permitted" });
  });
  test("at the bound", () => {
    expect(claim("a".repeat(textCharsMax))).toHaveProperty("values");
    expect(claim(Array(listMax).fill(1))).toHaveProperty("values");
  });
  test("a value of the request that is too long is a bad request", () => {
    const long = "a".repeat(textCharsMax + 1);
    expect(fill({ id: { from: ["path", "id"] } }, alice(), { id: long })).toMatchObject({ code: "bad_request" });
  });
  test("all together", () => {
    const many = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`c${at}`, "a".repeat(textCharsMax)]));
    const members = Object.fromEntries(Object.keys(many).map((name) => [name, { from: ["identity", "claims", name] }]));
    const answer = fill(members, alice(many));
    expect(answer).toMatchObject({ code: "not_permitted" });
    expect("refused" in answer && answer.refused).toMatch(/has \d{4} characters/);
    expect(charsMax).toBeLessThan(16 * textCharsMax);
  });
});

test("any claim is told whole or not at all", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const answer = claim(value);
      if ("values" in answer && "c" in answer.values)
        expect(JSON.parse(answer.text)).toEqual({ c: JSON.parse(JSON.stringify(value)) });
    }),
  );
});

test("the route is the gateway's own word", () => {
  const { tctx } = txnTokenClaims(alice(), "orders", "shop.internal", "t", 0, { tenant: "acme", route: "other" });
  expect(tctx).toEqual({ tenant: "acme", route: "orders" });
});
